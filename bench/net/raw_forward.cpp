// raw-forward: the bare TCP forwarder the gateway's forward mode is measured against.
#include "relay_program.hpp"

int main(int argc, char** argv) {
  return sluice::bench::run_relay(
      {.name = "raw-forward",
       .usage = "raw-forward --driver uring|epoll --listen HOST:PORT --to HOST:PORT [options]\n"
                "Connects to the target when it accepts and forwards both ways, half-close too.\n"
                "  --to HOST:PORT        the target\n",
       .has_target = true},
      argc, argv);
}
