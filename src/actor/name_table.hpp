// name_table: name → owner, read without a lock and without waiting for anybody.
//
// What: open addressing with linear probing, at most half full; cells point to entries. Entries are
//   type-stable: one that is given up is used again for another name, never freed before the table.
//   A table that fills up is copied into one of twice the size; those left behind stay readable.
// When not: for iteration, or where the writers themselves must not wait.
// Who: find by any thread; everything else under a lock of the caller's.
// Progress: find is lock-free: it looks again only when a writer has got on meanwhile, so a writer
//   that is held up holds up no reader.
// Memory: entries and cells in proportion to the most names at once; all go with the table.
//
// Rules:
//   NT-1 An entry is written only while no cell points to it, and its sequence is odd meanwhile: a
//        reader that still stands on it by an old path finds it odd, or moved after reading, and
//        looks again. It does not wait: the new path is not there before the content is whole.
//   NT-2 Whatever hides or moves a cell moves the version on first: "not there" is believed only if
//        the version stood still from before the first cell to after the last.
//   NT-3 While cells move every name that stays is in at least one cell of its probe path.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <sluice/pid.hpp>

#include "base/atomic.hpp"

namespace sluice::inline v0::core {

/// A name's owner, and a word of who registered it.
struct named {
  pid who;
  std::uintptr_t tag = 0;
};

class name_table {
 public:
  static constexpr std::size_t name_bytes_max = 255;
  struct entry;

  name_table();
  name_table(const name_table&) = delete;
  name_table& operator=(const name_table&) = delete;
  ~name_table();

  /// Any thread. The owner, or a pid that names nobody. `hash` is the same for equal names.
  [[nodiscard]] named find(std::string_view name, std::uint64_t hash) const noexcept;

  // -- one at a time, under the caller's lock
  /// Null when the name is taken.
  [[nodiscard]] entry* add(std::string_view name, std::uint64_t hash, const named& owner);
  /// Gives up what add() gave.
  void remove(entry* given) noexcept;
  [[nodiscard]] static std::string name_of(const entry& given);
  /// Names that are there.
  [[nodiscard]] std::size_t count() const noexcept { return count_; }

 private:
  struct cells;
  enum class sight : std::uint8_t { found, absent, disturbed };

  [[nodiscard]] static sight probe(const cells& in, std::string_view name, std::uint64_t hash,
                                   named& owner) noexcept;
  [[nodiscard]] entry* take_entry(std::string_view name);
  void grow();
  void move_version() noexcept;

  static constexpr std::size_t entry_kinds = 3;

  base::atomic<cells*> cells_{nullptr};     // written under the lock
  base::atomic<std::uint64_t> version_{0};  // likewise
  std::size_t count_ = 0;
  std::vector<std::unique_ptr<cells>> all_cells_;  // the last one is in use
  std::vector<std::unique_ptr<std::byte[]>> memory_;
  std::vector<entry*> free_[entry_kinds];
};

}  // namespace sluice::inline v0::core
