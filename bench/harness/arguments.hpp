// Command lines of the benches: "--name value", "--name=value", bare flags and, where they are
// allowed, words. Every mistake ends in one sentence that names the option; nothing is guessed.
#pragma once

#include <charconv>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::bench {

enum class words_allowed : bool { no, yes };

class arguments {
 public:
  // `valued` are options that take a value, `flags` those that do not.
  arguments(int argc, char** argv, std::initializer_list<std::string_view> valued,
            std::initializer_list<std::string_view> flags,
            words_allowed allowed = words_allowed::no) {
    for (int i = 1; i < argc && problem_.empty(); ++i) {
      const std::string_view word = argv[i];
      const auto equals = word.find('=');
      const std::string_view name = word.substr(0, equals);
      if (contains(flags, word)) {
        note(word, "");
      } else if (allowed == words_allowed::yes && !word.starts_with('-')) {
        words_.emplace_back(word);
      } else if (!contains(valued, name)) {
        problem_ = "unknown option '" + std::string(word) + "'";
      } else if (equals != std::string_view::npos) {
        note(name, word.substr(equals + 1));
      } else if (i + 1 < argc) {
        note(name, argv[++i]);
      } else {
        problem_ = "option " + std::string(word) + " needs a value";
      }
    }
  }

  [[nodiscard]] bool has(std::string_view name) const { return find(name) != nullptr; }

  // The last value given.
  [[nodiscard]] std::string text(std::string_view name, std::string_view otherwise = {}) const {
    const std::string* const found = find(name);
    return found == nullptr ? std::string(otherwise) : *found;
  }

  // Every value given, in order.
  [[nodiscard]] std::vector<std::string> texts(std::string_view name) const {
    std::vector<std::string> all;
    for (const auto& [each, value] : values_) {
      if (each == name) all.push_back(value);
    }
    return all;
  }

  [[nodiscard]] const std::vector<std::string>& words() const { return words_; }

  // A number within [least, most]; anything else becomes the problem() of this command line.
  template <class Number>
  [[nodiscard]] Number number(std::string_view name, Number otherwise, Number least, Number most) {
    const std::string* const found = find(name);
    if (found == nullptr) return otherwise;
    Number value{};
    const char* end = found->data() + found->size();
    const auto parsed = std::from_chars(found->data(), end, value);
    if (parsed.ec != std::errc{} || parsed.ptr != end || value < least || value > most) {
      problem_ = "option " + std::string(name) + " must be a number from " + std::to_string(least) +
                 " to " + std::to_string(most) + ", not '" + *found + "'";
      return otherwise;
    }
    return value;
  }

  // One of `names`: its index; anything else becomes the problem().
  [[nodiscard]] std::size_t choice(std::string_view name,
                                   std::initializer_list<std::string_view> names) {
    const std::string* const found = find(name);
    if (found == nullptr) return 0;
    std::size_t at = 0;
    std::string list;
    for (const std::string_view each : names) {
      if (each == *found) return at;
      if (at++ != 0) list += '|';
      list += each;
    }
    problem_ = "option " + std::string(name) + " must be " + list + ", not '" + *found + "'";
    return 0;
  }

  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  static bool contains(std::initializer_list<std::string_view> list, std::string_view word) {
    for (std::string_view entry : list) {
      if (entry == word) return true;
    }
    return false;
  }
  void note(std::string_view name, std::string_view value) {
    values_.emplace_back(std::string(name), std::string(value));
  }
  [[nodiscard]] const std::string* find(std::string_view name) const {
    const std::string* found = nullptr;
    for (const auto& [each, value] : values_) {
      if (each == name) found = &value;
    }
    return found;
  }

  std::vector<std::pair<std::string, std::string>> values_;
  std::vector<std::string> words_;
  std::string problem_;
};

}  // namespace sluice::bench
