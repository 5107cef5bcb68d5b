#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "chaos.hpp"

int main(int count, char** words) {
  const std::string verb = count > 1 ? words[1] : "";
  if (verb == "serve") return chaos::serve(count > 2 && std::strcmp(words[2], "epoll") == 0);
  if (verb == "kill" && count >= 5) {
    chaos::killing how;
    how.port = static_cast<std::uint16_t>(std::strtoul(words[2], nullptr, 10));
    how.count = std::strtoull(words[3], nullptr, 10);
    how.seed = std::strtoull(words[4], nullptr, 10);
    how.may_be_refused = count > 5 && std::strcmp(words[5], "lenient") == 0;
    return chaos::kill_clients(how);
  }
  std::fprintf(stderr, "chaos: serve [epoll], kill PORT COUNT SEED [lenient]\n");
  return 2;
}
