// environment: names and values that a process hands down to what it spawns.
//
// The node's is that of everybody; a spawn may add to it or replace values for the new process and
// all below it. It never changes after the spawn, so it is shared and costs nothing where nothing
// is added. A meta process sees its process's and has none of its own.
#pragma once

#include <string>
#include <vector>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {

struct env_variable {
  std::string name;
  std::string value;
};
/// Of one name twice the later one counts.
using env_variables = std::vector<env_variable>;

}  // namespace v0
}  // namespace sluice
