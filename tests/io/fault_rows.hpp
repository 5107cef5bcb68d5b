// The rows of an error matrix: a place that starts operations (op_site), every way in which its
// operation can fail, and what becomes of it. Each cell is asserted and the table is printed.
#pragma once

#include <string.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "io/simulation.hpp"

namespace io_test {

using namespace sluice;
using io::fault;
using io::fault_kind;
using io::op_site;
using io::request_kind;

/// Lives one object's life under the planned faults, checks that it ends once and leaves nothing,
/// and says what became of it. `is_late`: it is to cancel the operation when that could succeed.
using fault_life = std::string (*)(const std::vector<fault>& planned, bool is_late);

struct fault_row {
  const char* name;
  op_site site;
  request_kind kind;
  std::uint64_t nth;  ///< of the site's completions
  fault_life live;
  std::string otherwise;  ///< what all errors do that are not named below; % is their name
  std::map<std::string, std::vector<int>> errors{};
  std::string cut_short;
  std::string no_buffer;
  std::string lost_more;
  std::string late;
  std::vector<fault> before{};  ///< faults that lead to this operation
};

/// Of faults that this kind of request does not know.
inline const std::string not_asked = "(cannot be)";

inline std::string errno_name(int os_error) {
  const char* const name = ::strerrorname_np(os_error);
  return name == nullptr ? std::to_string(os_error) : name;
}

inline std::string expected_of(const fault_row& of, int os_error) {
  std::string expected = of.otherwise;
  for (const auto& [outcome, errors] : of.errors) {
    if (std::find(errors.begin(), errors.end(), os_error) != errors.end()) expected = outcome;
  }
  const auto place = expected.find('%');
  return place == std::string::npos ? expected : expected.replace(place, 1, errno_name(os_error));
}

inline void check_row(const fault_row& of) {
  std::map<std::string, std::string> line;  // outcome → faults
  const auto run = [&](const std::string& name, const fault& planned, const std::string& expected) {
    CAPTURE(of.name, name);
    std::vector<fault> faults = of.before;
    faults.push_back(planned);
    const std::string became =
        expected == not_asked ? not_asked : of.live(faults, planned.kind == fault_kind::late);
    CHECK(became == expected);
    CHECK(!became.empty());
    line[became] += " " + name;
  };
  std::vector<int> errors = io::errors_of(of.kind);
  std::sort(errors.begin(), errors.end());
  for (const int os_error : errors) {
    if (os_error == ENOBUFS && of.no_buffer != not_asked) continue;  // the same as no_buffer
    run(errno_name(os_error), {of.site, fault_kind::error, os_error, of.nth},
        expected_of(of, os_error));
  }
  run("short", {of.site, fault_kind::cut_short, 0, of.nth}, of.cut_short);
  run("no-buffer", {of.site, fault_kind::no_buffer, 0, of.nth}, of.no_buffer);
  run("lost-F_MORE", {of.site, fault_kind::lost_more, 0, of.nth}, of.lost_more);
  run("late-after-cancel", {of.site, fault_kind::late, 0, 1}, of.late);
  for (const auto& [became, faults] : line) {
    std::printf("%-26s %-40s%s\n", of.name, became.c_str(), faults.c_str());
  }
}

}  // namespace io_test
