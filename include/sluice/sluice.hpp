// Everything of sluice.
#pragma once

#include <sluice/actor.hpp>
#include <sluice/blocking.hpp>
#include <sluice/bytes.hpp>
#include <sluice/endpoint.hpp>
#include <sluice/environment.hpp>
#include <sluice/exit_reason.hpp>
#include <sluice/file.hpp>
#include <sluice/framing.hpp>
#include <sluice/handle.hpp>
#include <sluice/inspection.hpp>
#include <sluice/io.hpp>
#include <sluice/log.hpp>
#include <sluice/message.hpp>
#include <sluice/meta.hpp>
#include <sluice/node.hpp>
#include <sluice/options.hpp>
#include <sluice/pid.hpp>
#include <sluice/port.hpp>
#include <sluice/request.hpp>
#include <sluice/result.hpp>
#include <sluice/signals.hpp>
#include <sluice/tcp.hpp>
#include <sluice/tcp_client.hpp>
#include <sluice/timer.hpp>
#include <sluice/udp.hpp>
