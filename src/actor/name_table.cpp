#include "actor/name_table.hpp"

#include <algorithm>
#include <cstring>
#include <new>

#include "base/assert.hpp"

namespace sluice::inline v0::core {

namespace {

constexpr std::size_t word_bytes = sizeof(std::uint64_t);
// What fits behind the 40 bytes of an entry: 96, 192 and 296 bytes in all.
constexpr std::size_t text_bytes_of_kind[] = {56, 152, 256};
constexpr std::size_t entries_at_once = 64;
constexpr std::size_t cells_min = 64;

std::size_t kind_for(std::size_t bytes) noexcept {
  std::size_t kind = 0;
  while (bytes > text_bytes_of_kind[kind]) ++kind;
  return kind;
}

std::uint64_t word_at(std::string_view text, std::size_t begin) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, text.data() + begin, std::min(word_bytes, text.size() - begin));
  return word;
}

}  // namespace

struct name_table::entry {
  base::atomic<std::uint32_t> sequence{0};  ///< moves with each name; odd = it is being written
  base::atomic<std::uint32_t> size{0};
  base::atomic<std::uint64_t> hash{0};
  base::atomic<std::uint64_t> owner{0};  ///< slot and generation; 0 = given up
  base::atomic<std::uint64_t> tag{0};
  base::atomic<std::uint32_t> node{0};
  std::uint32_t padding = 0;

  using word = base::atomic<std::uint64_t>;
  [[nodiscard]] word* words() noexcept { return reinterpret_cast<word*>(this + 1); }
  [[nodiscard]] const word* words() const noexcept {
    return reinterpret_cast<const word*>(this + 1);
  }
};

struct name_table::cells {
  explicit cells(std::size_t count) : mask(count - 1), first(new base::atomic<entry*>[count]()) {}
  std::size_t mask;
  std::unique_ptr<base::atomic<entry*>[]> first;
};

name_table::name_table() = default;
name_table::~name_table() = default;

named name_table::find(std::string_view name, std::uint64_t hash) const noexcept {
  if (name.size() > name_bytes_max) return {};
  while (true) {
    // [NT1] acquire: the cells are read after it; pairs NT2 (move_version).
    const std::uint64_t version = version_.load(base::acquire);
    // [NT3] acquire: the cells are built; pairs NT4 (grow).
    const cells* const in = cells_.load(base::acquire);
    if (in == nullptr) return {};
    named owner;
    const sight seen = probe(*in, name, hash, owner);
    if (seen == sight::found) return owner;
    // Relaxed: a cell that was stored after the version moved was read by an acquire (NT-2).
    // Ends: a version or a sequence that moved means that a writer got on.
    if (seen == sight::absent && version_.load(base::relaxed) == version) return {};
  }
}

name_table::sight name_table::probe(const cells& in, std::string_view name, std::uint64_t hash,
                                    named& owner) noexcept {
  for (std::size_t at = hash & in.mask;; at = (at + 1) & in.mask) {
    // [NT5] acquire: the entry's content; pairs NT6 (add, remove).
    const entry* const seen = in.first[at].load(base::acquire);
    if (seen == nullptr) return sight::absent;
    // [NT7] acquire: what follows is read after it; pairs NT8 (take_entry, add).
    const std::uint32_t sequence = seen->sequence.load(base::acquire);
    if ((sequence & 1) != 0) return sight::disturbed;  // Of a cell that has changed since.
    // [NT9] acquire, all of the content: one word of the entry's next name shows that its sequence
    // has moved on; pairs NT10 (add).
    if (seen->hash.load(base::acquire) != hash) continue;         // [NT9]
    if (seen->size.load(base::acquire) != name.size()) continue;  // [NT9]
    bool is_equal = true;
    for (std::size_t i = 0; is_equal && i * word_bytes < name.size(); ++i) {
      is_equal = seen->words()[i].load(base::acquire) == word_at(name, i * word_bytes);  // [NT9]
    }
    if (!is_equal) continue;
    const std::uint64_t packed = seen->owner.load(base::acquire);  // [NT9]
    const std::uintptr_t tag = seen->tag.load(base::acquire);      // [NT9]
    const std::uint32_t node = seen->node.load(base::acquire);     // [NT9]
    // Relaxed: ordered by the acquires above (NT-1).
    if (seen->sequence.load(base::relaxed) != sequence) return sight::disturbed;
    if (packed == 0) return sight::absent;
    owner.who = {node, static_cast<std::uint32_t>(packed >> 32),
                 static_cast<std::uint32_t>(packed)};
    owner.tag = tag;
    return sight::found;
  }
}

name_table::entry* name_table::add(std::string_view name, std::uint64_t hash, const named& owner) {
  if (find(name, hash).who.is_valid()) return nullptr;
  cells* in = cells_.load(base::relaxed);  // Relaxed, here and below: written under the lock.
  if (in == nullptr || 2 * (count_ + 1) > in->mask + 1) {
    grow();
    in = cells_.load(base::relaxed);
  }
  entry* const made = take_entry(name);
  // [NT10] release: after the sequence moved; pairs NT9 (probe).
  made->hash.store(hash, base::release);                                     // [NT10]
  made->size.store(static_cast<std::uint32_t>(name.size()), base::release);  // [NT10]
  for (std::size_t i = 0; i * word_bytes < name.size(); ++i) {
    made->words()[i].store(word_at(name, i * word_bytes), base::release);  // [NT10]
  }
  made->owner.store(std::uint64_t{owner.who.slot} << 32 | owner.who.generation,
                    base::release);                 // [NT10]
  made->tag.store(owner.tag, base::release);        // [NT10]
  made->node.store(owner.who.node, base::release);  // [NT10]
  // [NT8] release: even again, the content is whole; pairs NT7 (probe). Relaxed read: as above.
  made->sequence.store(made->sequence.load(base::relaxed) + 1, base::release);
  std::size_t at = hash & in->mask;
  while (in->first[at].load(base::relaxed) != nullptr) at = (at + 1) & in->mask;
  // [NT6] release: the entry's content; pairs NT5 (probe).
  in->first[at].store(made, base::release);
  ++count_;
  return made;
}

void name_table::remove(entry* given) noexcept {
  cells& in = *cells_.load(base::relaxed);  // Relaxed, here and below: written under the lock.
  const std::uint64_t hash = given->hash.load(base::relaxed);
  std::size_t hole = hash & in.mask;
  while (in.first[hole].load(base::relaxed) != given) hole = (hole + 1) & in.mask;
  move_version();
  given->owner.store(0, base::release);  // [NT10]
  // What stands behind the hole and may be found from it or from before it moves up (NT-3).
  for (std::size_t at = (hole + 1) & in.mask;; at = (at + 1) & in.mask) {
    entry* const next = in.first[at].load(base::relaxed);
    if (next == nullptr) break;
    const std::size_t home = next->hash.load(base::relaxed) & in.mask;
    if (((at - home) & in.mask) < ((at - hole) & in.mask)) continue;
    in.first[hole].store(next, base::release);  // [NT6]
    move_version();
    hole = at;
  }
  in.first[hole].store(nullptr, base::release);  // [NT6]
  --count_;
  free_[kind_for(given->size.load(base::relaxed))].push_back(given);
}

std::string name_table::name_of(const entry& given) {
  std::string name(given.size.load(base::relaxed), '\0');  // Relaxed: under the lock.
  for (std::size_t i = 0; i * word_bytes < name.size(); ++i) {
    const std::uint64_t word = given.words()[i].load(base::relaxed);  // Relaxed: as above.
    std::memcpy(name.data() + i * word_bytes, &word,
                std::min(word_bytes, name.size() - i * word_bytes));
  }
  return name;
}

name_table::entry* name_table::take_entry(std::string_view name) {
  const std::size_t kind = kind_for(name.size());
  std::vector<entry*>& waiting = free_[kind];
  if (waiting.empty()) {
    // Room for all of them that there are, so that giving them back needs no memory.
    waiting.reserve(waiting.capacity() + entries_at_once);
    const std::size_t bytes = sizeof(entry) + text_bytes_of_kind[kind];
    memory_.push_back(std::make_unique<std::byte[]>(bytes * entries_at_once));
    for (std::size_t i = entries_at_once; i-- != 0;) {
      std::byte* const place = memory_.back().get() + i * bytes;
      auto* const made = new (place) entry;
      for (std::size_t word = 0; word < text_bytes_of_kind[kind] / word_bytes; ++word) {
        new (made->words() + word) entry::word{0};
      }
      waiting.push_back(made);
    }
  }
  entry* const taken = waiting.back();
  waiting.pop_back();
  // [NT8] release: odd; pairs NT7 (probe). Relaxed read: under the lock.
  taken->sequence.store(taken->sequence.load(base::relaxed) + 1, base::release);
  return taken;
}

void name_table::grow() {
  const cells* const before = cells_.load(base::relaxed);  // Relaxed: written under the lock.
  const std::size_t size = before == nullptr ? cells_min : 2 * (before->mask + 1);
  auto made = std::make_unique<cells>(size);
  for (std::size_t i = 0; before != nullptr && i <= before->mask; ++i) {
    entry* const each = before->first[i].load(base::relaxed);  // Relaxed: under the lock.
    if (each == nullptr) continue;
    // Relaxed: under the lock; the cells are published as a whole.
    std::size_t at = each->hash.load(base::relaxed) & made->mask;
    while (made->first[at].load(base::relaxed) != nullptr) at = (at + 1) & made->mask;
    made->first[at].store(each, base::relaxed);
  }
  all_cells_.push_back(std::move(made));
  // [NT4] release: the cells are built; pairs NT3 (find).
  cells_.store(all_cells_.back().get(), base::release);
}

void name_table::move_version() noexcept {
  // [NT2] release: pairs NT1 (find). Relaxed read: one writer at a time.
  version_.store(version_.load(base::relaxed) + 1, base::release);
}

}  // namespace sluice::inline v0::core
