// The gateway's command line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sluice/node.hpp>

namespace gateway {

struct arguments {
  std::string host = "127.0.0.1";
  std::uint16_t port = 7000;
  std::uint32_t workers = 0;     ///< 0 = one a scheduler
  std::uint32_t schedulers = 0;  ///< 0 = one a core
  std::uint32_t io_threads = 0;
  sluice::pinning pin = sluice::pinning::cores;
  std::vector<int> pin_list;
  bool wants_help = false;
  bool wants_version = false;
};

/// Null: not understood; `complaint` says what.
[[nodiscard]] std::optional<arguments> parse(int count, const char* const* words,
                                             std::string& complaint);

[[nodiscard]] const char* help_text() noexcept;

}  // namespace gateway
