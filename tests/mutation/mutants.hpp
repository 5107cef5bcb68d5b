// What every file of a mutated copy of the tree begins with (scripts/lib/mutant_tree.py): all
// mutants sleep in one executable, until SLUICE_MUTANT=<number> wakes one. With
// SLUICE_MUTANTS_REACHED=<file> the file's byte <number> becomes 1 when that mutant's place is
// reached. No header is included here, so that no name is there which would otherwise not be.
#pragma once

namespace sluice::mutants {

inline constexpr unsigned count_max = 1U << 16;

/// Zero until mutants.inc has read the environment: nothing is awake.
extern unsigned awake;
extern unsigned char* reached;

/// Whether this mutant is awake.
constexpr bool on(unsigned number) noexcept {
  if (__builtin_is_constant_evaluated()) return false;
  if (reached != nullptr) __atomic_store_n(&reached[number], 1, __ATOMIC_RELAXED);
  return awake == number;
}

/// One order or the weaker one.
template <class Order>
constexpr Order pick(unsigned number, Order order, Order weaker) noexcept {
  return on(number) ? weaker : order;
}

}  // namespace sluice::mutants
