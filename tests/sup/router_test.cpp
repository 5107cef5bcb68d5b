// Routers: keys stay with their members, content decides, nobody is left without an answer.
#include <catch2/catch_test_macros.hpp>

#include <random>

#include <sluice/testing.hpp>

#include "sup/family.hpp"
#include "sup/route_table.hpp"

using namespace std::chrono_literals;
using sluice::error_code;
using sluice::pid;
using sluice::route_members;
using sluice::router;
using sluice::routes;
using sluice::core::route_table;

namespace {

struct purchase {
  using reply = std::string;
  std::string customer;
};
struct query {
  using reply = std::string;
  std::size_t shard = 0;
};
struct fire {
  using reply = std::string;
};

struct shop : sluice::actor<shop, purchase, query, fire, leave> {
  explicit shop(std::string called) : name(std::move(called)) {}
  std::string on(const purchase&) { return name; }
  std::string on(query) { return name; }
  std::string on(fire) { return name; }
  void on(leave) { exit(); }
  std::string name;
};

routes by_customer() {
  routes by;
  by.key<purchase>([](const purchase& one) { return one.customer; })
      .choose<query>([](const query& one, std::size_t count) { return one.shard % count; })
      .to<fire>("brigade");
  return by;
}

std::vector<std::string> owners(const route_table& table, std::uint64_t keys) {
  std::vector<std::string> all;
  for (std::uint64_t key = 0; key < keys; ++key) all.push_back(table.member_for(key)->name);
  return all;
}

}  // namespace

TEST_CASE("router: only the keys of one that leaves move, and they spread") {
  route_table table{routes{}, {"a", "b", "c", "d"}};
  const auto before = owners(table, 40'000);
  CHECK(table.leave("b"));
  const auto without = owners(table, 40'000);
  std::map<std::string, int> inherited;
  for (std::size_t key = 0; key < before.size(); ++key) {
    if (before[key] == "b") {
      ++inherited[without[key]];
    } else {
      REQUIRE(before[key] == without[key]);
    }
  }
  CHECK(inherited.size() == 3);
  for (const auto& [name, count] : inherited) {
    CHECK(count > 2'800);
    CHECK(count < 3'900);
  }
  CHECK(table.join("b"));
  CHECK_FALSE(table.join("b"));
  CHECK(owners(table, 40'000) == before);
}

TEST_CASE("router: a key goes to one member, content to the one it names, a type to its receiver") {
  test_node node;
  for (const char* name : {"s1", "s2", "s3", "brigade"}) {
    REQUIRE(node->spawn<shop>({.name = name}, std::string{name}));
  }
  const auto front =
      node->spawn<router>({}, by_customer(), route_members{"s1", "s2", "s3"}).value();
  std::map<std::string, int> seen;
  for (int i = 0; i < 60; ++i) {
    const std::string customer = "customer " + std::to_string(i);
    const auto first = node->call(front.as<shop>(), purchase{customer}).value();
    ++seen[first];
    CHECK(node->call(front.id(), purchase{customer}).value() == first);
  }
  CHECK(seen.size() == 3);
  CHECK(node->call(front, query{4}).value() == "s2");
  CHECK(node->call(front, fire{}).value() == "brigade");
  CHECK(node->call(front, ask_name{}).error().code == error_code::unknown_address);
}

TEST_CASE("router: members join and leave, and one that ends has left") {
  test_node node;
  const auto a = node->spawn<shop>({}, std::string{"a"}).value();
  const auto b = node->spawn<shop>({}, std::string{"b"}).value();
  const auto front = node->spawn<router>({}, by_customer(), route_members{a.id()}).value();
  CHECK(node->call(front, sluice::join_router{b.id()}));
  CHECK(node->call(front, sluice::join_router{b.id()}));
  CHECK(node->call(front, query{1}).value() == "b");
  a.send(leave{});
  eventually([&] { return node->call(front, sluice::list_members{}).value().size() == 1; });
  CHECK(node->call(front, query{0}).value() == "b");
  CHECK(node->call(front, sluice::leave_router{b.id()}));
  CHECK(node->call(front, query{0}).error().code == error_code::unknown_address);
  CHECK(node->call(front, purchase{"x"}).error().code == error_code::unknown_address);
}

TEST_CASE("router: who has left is watched no longer") {
  sluice::testing::process<router> p{sluice::testing::process_options{}, by_customer()};
  const pid one = p.peer();
  for (int i = 0; i < 3; ++i) {
    static_cast<void>(p.ask(sluice::join_router{one}));
    CHECK(p.monitors().size() == 1);
    static_cast<void>(p.ask(sluice::leave_router{one}));
    CHECK(p.monitors().empty());
  }
}

TEST_CASE("router: a member by name keeps its keys over a restart") {
  test_node node;
  sluice::children shops;
  route_members names;
  for (const char* name : {"s1", "s2", "s3"}) {
    shops.push_back(sluice::child<shop>({.id = name, .name = name}, std::string{name}));
    names.emplace_back(name);
  }
  const auto top = node->spawn<sluice::supervisor>({}, shops).value();
  const auto front = node->spawn<router>({}, by_customer(), names).value();
  const auto owner = node->call(front, purchase{"c"}).value();
  const pid before = node->find(owner);
  node->send(before, leave{});
  eventually([&] {
    const auto answer = node->call(front, purchase{"c"});
    return answer && answer.value() == owner && node->find(owner) != before;
  });
  CHECK(node->call(top, sluice::count_children{}).value().running == 3);
}
