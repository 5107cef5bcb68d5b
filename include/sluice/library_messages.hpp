// The library's own messages: every actor and meta that has a handler for one gets it, unlisted.
#pragma once

#include <sluice/behaviour.hpp>
#include <sluice/dead_letters.hpp>
#include <sluice/event_messages.hpp>
#include <sluice/file_messages.hpp>
#include <sluice/linking.hpp>
#include <sluice/log.hpp>
#include <sluice/port_messages.hpp>
#include <sluice/signals_messages.hpp>
#include <sluice/stop_request.hpp>
#include <sluice/tcp_messages.hpp>
#include <sluice/udp_messages.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {

using library_messages = messages<  // links and monitors
    down, exit_signal, stop_request,
    // events
    event_ended, event_wanted, event_unwanted,
    // of the node
    log_record, dead_letter_report,
    // TCP
    tcp::connected, tcp::data, tcp::writable, tcp::read_closed, tcp::disconnected, tcp::close,
    tcp::shutdown_write, tcp::connect_failed, tcp::dropped, tcp::draining,
    // ports
    port::started, port::output, port::input, port::close_input, port::send_signal, port::writable,
    port::input_lost, port::exited,
    // UDP
    udp::datagram, udp::failed, udp::closed, udp::statistics, udp::join, udp::leave, udp::close,
    udp::ask_statistics,
    // files and signals
    file::data, file::ended, file::write, file::written, file::sync, file::synced, signals::caught>;

}  // namespace v0
}  // namespace sluice
