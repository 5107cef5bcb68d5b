#include "mode.hpp"

#include "echo_datagrams.hpp"
#include "echo_streams.hpp"
#include "forward_datagrams.hpp"
#include "forward_streams.hpp"
#include "port_programs.hpp"

namespace gateway {

std::unique_ptr<mode> make_mode(const arguments& asked) {
  const bool is_datagrams = asked.listen.over == transport::udp;
  switch (asked.mode) {
    case mode_name::echo:
    case mode_name::unix_echo: break;
    case mode_name::udp_echo: return std::make_unique<echo_datagrams>(asked);
    case mode_name::forward:
      if (is_datagrams) return std::make_unique<forward_datagrams>(asked);
      return std::make_unique<forward_streams>(asked);
    case mode_name::port_program: return std::make_unique<port_programs>(asked);
  }
  return std::make_unique<echo_streams>(asked);
}

}  // namespace gateway
