#include "actor/kind_book.hpp"

#include <algorithm>
#include <new>

namespace sluice::inline v0::core {

namespace {

kind_totals& totals_of(std::vector<kind_totals>& sums, const behaviour* what) {
  const auto known = std::find_if(sums.begin(), sums.end(),
                                  [what](const kind_totals& each) { return each.what == what; });
  if (known != sums.end()) return *known;
  sums.push_back({what, 0, {}});
  return sums.back();
}

}  // namespace

kind_book::~kind_book() {
  for (auto& list : lists_) {
    // Relaxed: nobody else is left.
    for (entry* each = list.load(base::relaxed); each != nullptr;) {
      entry* const next = each->next;
      delete static_cast<own_lines*>(each);
      each = next;
    }
  }
}

kind_book::entry& kind_book::find(const behaviour& what) noexcept {
  auto& list = lists_[(reinterpret_cast<std::uintptr_t>(&what) >> 5) % list_count];
  entry* const first = list.load(base::relaxed);  // Relaxed: the only writer.
  for (entry* each = first; each != nullptr; each = each->next) {
    if (each->what == &what) return *each;
  }
  entry* const made = new (std::nothrow) own_lines;
  if (made == nullptr) return nobody_;
  made->what = &what;
  made->next = first;
  // [KB1] release: the entry; pairs KB2 (for_each).
  list.store(made, base::release);
  return *made;
}

template <class Use>
void kind_book::for_each(Use&& use) const {
  for (const auto& list : lists_) {
    // [KB2] acquire: sees the entries; pairs KB1 (find).
    for (const entry* each = list.load(base::acquire); each != nullptr; each = each->next) {
      use(*each);
    }
  }
}

void kind_book::add_ended(std::vector<kind_totals>& sums) const {
  for_each([&sums](const entry& each) {
    kind_totals& into = totals_of(sums, each.what);
    // Relaxed: counts.
    for (unsigned i = 0; i < exit_code_count; ++i)
      into.ended[i] += each.ended[i].load(base::relaxed);
  });
}

void kind_book::add_spawned(std::vector<kind_totals>& sums) const {
  for_each([&sums](const entry& each) {
    totals_of(sums, each.what).spawned += each.spawned.load(base::relaxed);  // Relaxed: a count.
  });
}

}  // namespace sluice::inline v0::core
