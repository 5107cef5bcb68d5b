// Command lines of the network benches: "--name value", "--name=value" and bare flags.
// Every mistake ends in one sentence that names the option; nothing is guessed.
#pragma once

#include <charconv>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>

namespace sluice::bench {

class arguments {
 public:
  // `valued` are options that take a value, `flags` those that do not.
  arguments(int argc, char** argv, std::initializer_list<std::string_view> valued,
            std::initializer_list<std::string_view> flags) {
    for (int i = 1; i < argc && problem_.empty(); ++i) {
      std::string_view word = argv[i];
      const auto equals = word.find('=');
      const std::string_view name = word.substr(0, equals);
      if (contains(flags, word)) {
        values_[std::string(word)] = "";
      } else if (!contains(valued, name)) {
        problem_ = "unknown option '" + std::string(word) + "'";
      } else if (equals != std::string_view::npos) {
        values_[std::string(name)] = std::string(word.substr(equals + 1));
      } else if (i + 1 < argc) {
        values_[std::string(name)] = argv[++i];
      } else {
        problem_ = "option " + std::string(word) + " needs a value";
      }
    }
  }

  [[nodiscard]] bool has(std::string_view name) const {
    return values_.find(std::string(name)) != values_.end();
  }

  [[nodiscard]] std::string text(std::string_view name, std::string_view otherwise = {}) const {
    const auto found = values_.find(std::string(name));
    return found == values_.end() ? std::string(otherwise) : found->second;
  }

  // A number within [least, most]; anything else becomes the problem() of this command line.
  template <class Number>
  [[nodiscard]] Number number(std::string_view name, Number otherwise, Number least, Number most) {
    const auto found = values_.find(std::string(name));
    if (found == values_.end()) return otherwise;
    Number value{};
    const char* end = found->second.data() + found->second.size();
    const auto parsed = std::from_chars(found->second.data(), end, value);
    if (parsed.ec != std::errc{} || parsed.ptr != end || value < least || value > most) {
      problem_ = "option " + std::string(name) + " must be a number from " + std::to_string(least) +
                 " to " + std::to_string(most) + ", not '" + found->second + "'";
      return otherwise;
    }
    return value;
  }

  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  static bool contains(std::initializer_list<std::string_view> list, std::string_view word) {
    for (std::string_view entry : list) {
      if (entry == word) return true;
    }
    return false;
  }

  std::map<std::string, std::string> values_;
  std::string problem_;
};

}  // namespace sluice::bench
