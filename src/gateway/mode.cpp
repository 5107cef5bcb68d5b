#include "mode.hpp"
#include "echo_streams.hpp"

namespace gateway {

std::unique_ptr<mode> make_mode(const arguments& asked) {
  switch (asked.mode) {
    case mode_name::echo:
    case mode_name::unix_echo:
    case mode_name::udp_echo:
    case mode_name::forward:
    case mode_name::port_program: break;
  }
  return std::make_unique<echo_streams>(asked);
}

}  // namespace gateway
