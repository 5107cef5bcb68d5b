// The name table: what it promises to readers that take no lock, while a writer changes it.
#include "actor/name_table.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "actor/name_registry.hpp"
#include "actor/test_node.hpp"
#include "base/random.hpp"

using sluice::pid;
using sluice::core::name_registry;
using sluice::core::name_table;
using sluice::core::named;

namespace {

// An owner that tells which name it belongs to.
named owner_of(std::uint32_t number) { return {pid{7, number, number + 1}, number + 2u}; }
bool is_owner(const named& seen, std::uint32_t number) {
  return seen.who == owner_of(number).who && seen.tag == owner_of(number).tag;
}

std::string name_for(std::uint32_t number) {
  // Of all three sizes of entries, and no prefix of one another.
  const std::size_t filler = number % 3 == 0 ? 4 : number % 3 == 1 ? 100 : 200;
  return std::to_string(number) + "/" + std::string(filler, 'n');
}

constexpr std::uint64_t one_hash = 40;  // All names on one probe path.

}  // namespace

TEST_CASE("name table: a name is found with its owner and tag until it is removed") {
  name_table names;
  REQUIRE_FALSE(names.find("nobody", one_hash).who.is_valid());
  std::vector<name_table::entry*> given;
  for (std::uint32_t i = 0; i < 300; ++i) {
    given.push_back(names.add(name_for(i), one_hash, owner_of(i)));
    REQUIRE(given.back() != nullptr);
    REQUIRE(names.add(name_for(i), one_hash, owner_of(1000)) == nullptr);
  }
  for (std::uint32_t i = 0; i < 300; i += 2) names.remove(given[i]);
  REQUIRE(names.count() == 150);
  for (std::uint32_t i = 0; i < 300; ++i) {
    const named seen = names.find(name_for(i), one_hash);
    REQUIRE((i % 2 == 1 ? is_owner(seen, i) : !seen.who.is_valid()));
    if (i % 2 == 1) REQUIRE(name_table::name_of(*given[i]) == name_for(i));
  }
}

TEST_CASE("name table: names of any content and up to 255 bytes are told apart") {
  name_table names;
  const std::string longest(255, 'x');
  const std::string zeros(8, '\0');
  const std::vector<std::string> all{"",          "a",         std::string("a\0", 2),
                                     zeros,       zeros + "1", "12345678",
                                     "123456789", longest,     longest.substr(1)};
  for (std::uint32_t i = 0; i < all.size(); ++i) {
    REQUIRE(names.add(all[i], one_hash, owner_of(i)) != nullptr);
  }
  for (std::uint32_t i = 0; i < all.size(); ++i) {
    REQUIRE(is_owner(names.find(all[i], one_hash), i));
  }
  REQUIRE_FALSE(names.find(longest + "x", one_hash).who.is_valid());
}

TEST_CASE("name table: after random changes it holds what a plain map holds") {
  const std::uint64_t seed = 20260;
  INFO("seed " << seed);
  sluice::base::random_source random{seed};
  name_table names;
  std::vector<name_table::entry*> given(500, nullptr);
  for (int step = 0; step < 20'000; ++step) {
    const std::uint32_t number = random.next_below(500);
    const std::uint64_t hash = number % 16 * 4;  // Paths that meet and wrap around.
    if (given[number] == nullptr) {
      given[number] = names.add(name_for(number), hash, owner_of(number));
      REQUIRE(given[number] != nullptr);
    } else {
      names.remove(given[number]);
      given[number] = nullptr;
    }
    const std::uint32_t asked = random.next_below(500);
    const named seen = names.find(name_for(asked), asked % 16 * 4);
    REQUIRE((given[asked] != nullptr ? is_owner(seen, asked) : !seen.who.is_valid()));
  }
}

TEST_CASE("name table: a name that stays is found whatever is removed beside it") {
  const std::uint32_t rounds = has_sanitizer ? 2'000 : 20'000;
  constexpr std::uint32_t in_front = 12;
  name_table names;
  sluice::base::atomic<std::uint32_t> current{0};  // the number of a name that is there, or 0
  sluice::base::atomic<bool> is_over{false};
  sluice::base::atomic<std::uint32_t> missed{0};
  std::vector<std::thread> readers;
  for (int reader = 0; reader < 2; ++reader) {
    readers.emplace_back([&] {
      while (!is_over.load(sluice::base::relaxed)) {  // Relaxed: a flag alone.
        // [TT1] acquire: the name was added; pairs TT2 (below).
        const std::uint32_t number = current.load(sluice::base::acquire);
        if (number == 0 || is_owner(names.find(name_for(number), one_hash), number)) continue;
        // [TT1]: taken back before it is removed.
        if (current.load(sluice::base::acquire) == number) {
          missed.fetch_add(1, sluice::base::relaxed);
        }
      }
    });
  }
  for (std::uint32_t round = 1; round <= rounds; ++round) {
    // Those that go stand in front of the one that stays, which moves up with each.
    name_table::entry* given[in_front];
    for (std::uint32_t i = 0; i < in_front; ++i) {
      given[i] = names.add(name_for(1'000'000 + i), one_hash, owner_of(i));
    }
    name_table::entry* const stays = names.add(name_for(round), one_hash, owner_of(round));
    current.store(round, sluice::base::release);  // [TT2] release: pairs TT1 (the reader).
    for (name_table::entry* each : given) names.remove(each);
    current.store(0, sluice::base::release);  // [TT2]
    names.remove(stays);
  }
  is_over.store(true, sluice::base::relaxed);  // Relaxed: as above.
  for (auto& each : readers) each.join();
  REQUIRE(missed.load(sluice::base::relaxed) == 0);
}

TEST_CASE("name table: a reader never takes one name's owner for another's") {
  const int rounds = has_sanitizer ? 20'000 : 300'000;
  constexpr int reader_count = 6;  // More than cores: they are interrupted anywhere.
  name_table names;
  sluice::base::atomic<bool> is_over{false};
  sluice::base::atomic<std::uint32_t> wrong{0};
  // Equal in length and hash, different in the first word: entries are used again at once, and one
  // who has compared the first word has much to read before the owner.
  const auto alike = [](std::uint32_t i) {
    return std::to_string(1000 + i) + std::string(250, 'p');
  };
  std::vector<std::thread> readers;
  for (int reader = 0; reader < reader_count; ++reader) {
    readers.emplace_back([&] {
      for (std::uint32_t i = 0; !is_over.load(sluice::base::relaxed); i = (i + 1) % 4) {
        const named seen = names.find(alike(i), one_hash);  // Relaxed above: a flag alone.
        if (seen.who.is_valid() && !is_owner(seen, i)) wrong.fetch_add(1, sluice::base::relaxed);
      }
    });
  }
  for (int round = 0; round < rounds; ++round) {
    const std::uint32_t i = static_cast<std::uint32_t>(round) % 4;
    name_table::entry* const given = names.add(alike(i), one_hash, owner_of(i));
    names.remove(given);
  }
  is_over.store(true, sluice::base::relaxed);  // Relaxed: as above.
  for (auto& each : readers) each.join();
  REQUIRE(wrong.load(sluice::base::relaxed) == 0);
}

TEST_CASE("name registry: many threads register, look up and give up names at once") {
  const std::uint32_t rounds = has_sanitizer ? 500 : 5'000;
  name_registry names;
  REQUIRE(names.add("stays", {7, 1, 2}, 3));
  sluice::base::atomic<std::uint32_t> wrong{0};
  std::vector<std::thread> threads;
  for (std::uint32_t thread = 0; thread < 3; ++thread) {
    threads.emplace_back([&names, &wrong, rounds, thread] {
      for (std::uint32_t i = 0; i < rounds; ++i) {
        const pid who{7, thread * 100'000 + i, 1};
        const std::string name = name_for(thread * 100'000 + i);
        bool is_right = names.add(name, who, i) && !names.add(name, {7, 1, 1});
        is_right = is_right && names.find_tagged(name).tag == i && names.name_of(who) == name;
        is_right = is_right && names.find("stays") == pid{7, 1, 2};
        if (i % 4 != 0) is_right = is_right && names.remove(who) && !names.find(name).is_valid();
        if (!is_right) wrong.fetch_add(1, sluice::base::relaxed);
      }
    });
  }
  for (auto& each : threads) each.join();
  REQUIRE(wrong.load(sluice::base::relaxed) == 0);
}
