// lives: what a program does with a node, short, whole and the same each time. Each copes with any
// failure: it goes on with what it has and says which calls were refused.
#pragma once

#include <string>

namespace faults {

struct life {
  const char* name;
  /// What was refused, "" if nothing. Arms nothing itself but calls begin() when what is under test
  /// begins and end() when it is over.
  std::string (*live)(void (*begin)(), void (*end)());
};
extern const life lives[];
extern const unsigned life_count;

}  // namespace faults
