// SLUICE_ASSERT: an assertion that stays on in release builds.
//
// For bugs only, never for the environment's failures. Prints the condition, the sentence and the
// place to standard error and aborts. Used on cold paths and where the check costs a compare.
#pragma once

namespace sluice::inline v0::base {

[[noreturn, gnu::cold, gnu::noinline]] void assertion_failed(const char* condition,
                                                             const char* sentence, const char* file,
                                                             int line,
                                                             unsigned long long word) noexcept;

}  // namespace sluice::inline v0::base

/// Aborts with `sentence` when `condition` is false.
#define SLUICE_ASSERT(condition, sentence) SLUICE_ASSERT_WORD(condition, sentence, 0)

/// The same, and prints `word` (a state word to decode) in hexadecimal.
#define SLUICE_ASSERT_WORD(condition, sentence, word)                               \
  (__builtin_expect(static_cast<bool>(condition), 1)                                \
       ? static_cast<void>(0)                                                       \
       : ::sluice::base::assertion_failed(#condition, sentence, __FILE__, __LINE__, \
                                          static_cast<unsigned long long>(word)))
