// sluice-gateway: sockets → worker processes → sockets, from a command line.
//
// The program owns what a library must not: the signals, the output, the exit status.
#include <cstdio>
#include <string>

#include "arguments.hpp"
#include "program.hpp"

int main(int count, char** words) {
  std::string complaint;
  const auto asked = gateway::parse(count, words, complaint);
  if (!asked) {
    std::fprintf(stderr, "sluice-gateway: %s\nsluice-gateway --help lists what there is\n",
                 complaint.c_str());
    return gateway::usage;
  }
  if (asked->wants_help) {
    std::fputs(gateway::help_text(asked->mode).c_str(), stdout);
    return gateway::stopped_in_order;
  }
  if (asked->wants_version) {
    std::printf("sluice-gateway %s\n", SLUICE_GATEWAY_VERSION);
    return gateway::stopped_in_order;
  }
  return gateway::serve(*asked);
}
