#include "io/request.hpp"

namespace sluice::inline v0::io {

const char* to_string(request_kind kind) noexcept {
  switch (kind) {
    case request_kind::accept: return "accept";
    case request_kind::connect: return "connect";
    case request_kind::receive: return "receive";
    case request_kind::send: return "send";
    case request_kind::send_message: return "send_message";
    case request_kind::receive_datagram: return "receive_datagram";
    case request_kind::poll: return "poll";
    case request_kind::read: return "read";
    case request_kind::write: return "write";
    case request_kind::sync: return "sync";
  }
  return "?";
}

const char* to_string(op_site site) noexcept {
  switch (site) {
    case op_site::listener_accept: return "listener_accept";
    case op_site::connector_connect: return "connector_connect";
    case op_site::stream_receive: return "stream_receive";
    case op_site::stream_send: return "stream_send";
    case op_site::stream_watch: return "stream_watch";
    case op_site::datagram_receive: return "datagram_receive";
    case op_site::datagram_send: return "datagram_send";
    case op_site::flow_poll: return "flow_poll";
    case op_site::flow_read: return "flow_read";
    case op_site::flow_write: return "flow_write";
    case op_site::pipe_read: return "pipe_read";
    case op_site::pipe_write: return "pipe_write";
    case op_site::child_exit: return "child_exit";
    case op_site::file_read: return "file_read";
    case op_site::file_write: return "file_write";
    case op_site::signal_read: return "signal_read";
    case op_site::test: return "test";
  }
  return "?";
}

}  // namespace sluice::inline v0::io
