#include "net/proxy_header.hpp"

namespace sluice::inline v0::net {

bytes write_proxy_header(const proxy_header& header, proxy_checksum checksum) {
  return header.version == proxy_version::one ? write_proxy_text(header)
                                              : write_proxy_block(header, checksum);
}

}  // namespace sluice::inline v0::net
