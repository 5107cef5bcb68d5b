// raw-echo: the bare echo server the gateway is measured against.
#include "relay_program.hpp"

int main(int argc, char** argv) {
  return sluice::bench::run_relay(
      {.name = "raw-echo",
       .usage = "raw-echo --driver uring|epoll --listen HOST:PORT [options]\n"
                "A TCP echo server without any actor: the cost of the kernel interface alone.\n",
       .has_target = false},
      argc, argv);
}
