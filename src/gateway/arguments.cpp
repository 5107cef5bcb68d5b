#include "arguments.hpp"

#include <string_view>

#include "option_table.hpp"

namespace gateway {

namespace {

const mode_entry& entry_of(mode_name mode) {
  for (const mode_entry& each : all_modes()) {
    if (each.mode == mode) return each;
  }
  return all_modes().front();
}

/// One walk over the words.
class walk {
 public:
  walk(int count, const char* const* words) : words_(words + 1, words + count) {}

  [[nodiscard]] bool run() {
    if (!words_.empty() && words_.front().substr(0, 1) != "-" && !take_mode()) return false;
    while (at_ < words_.size()) {
      const std::string_view word = words_[at_++];
      if (word == "--help" || word == "-h") return into.wants_help = true;
      if (word == "--version") return into.wants_version = true;
      if (word == "--") return take_program() && is_complete();
      if (!take_option(word)) return false;
    }
    return is_complete();
  }

  arguments into;
  std::string complaint;

 private:
  bool complain(std::string what) {
    complaint = std::move(what);
    return false;
  }
  [[nodiscard]] std::string own_name() const { return std::string{name_of(into.mode)}; }

  bool take_mode() {
    for (const mode_entry& each : all_modes()) {
      if (each.name != words_.front()) continue;
      into.mode = each.mode;
      at_ = 1;
      return true;
    }
    return complain("unknown mode: " + std::string{words_.front()});
  }

  bool take_option(std::string_view word) {
    std::optional<std::string_view> value;
    std::string_view name = word;
    if (const std::size_t equals = word.find('='); equals != word.npos) {
      value = word.substr(equals + 1);
      name = word.substr(0, equals);
    }
    const option* const found = find_option(name);
    if (found == nullptr) {
      return complain(own_name() + ": unknown argument: " + std::string{word});
    }
    if (!found->modes.contains(into.mode)) {
      return complain(own_name() + " has no option " + std::string{name});
    }
    if (!value && at_ < words_.size()) value = words_[at_++];
    if (!value) return complain(std::string{name} + " needs a value");
    if (!found->take(*value, into)) {
      return complain(std::string{name} + ": not understood: " + std::string{*value});
    }
    given_.push_back(found);
    return true;
  }

  bool take_program() {
    if (into.mode != mode_name::port_program) {
      return complain(own_name() + ": unknown argument: --");
    }
    into.program.assign(words_.begin() + static_cast<std::ptrdiff_t>(at_), words_.end());
    return true;
  }

  bool is_complete() {
    for (const option& each : all_options()) {
      if (!each.is_required || !each.modes.contains(into.mode)) continue;
      bool is_given = false;
      for (const option* const one : given_) is_given = is_given || one == &each;
      if (!is_given) return complain(own_name() + " needs " + std::string{each.name});
    }
    if (into.mode == mode_name::port_program && into.program.empty()) {
      return complain("port needs -- and a program");
    }
    if (into.mode == mode_name::forward &&
        (into.listen.over == transport::udp) != (into.target.over == transport::udp)) {
      return complain("forward: --listen and --to: udp: on both sides, or on none");
    }
    return true;
  }

  std::vector<std::string_view> words_;
  std::size_t at_ = 0;
  std::vector<const option*> given_;
};

constexpr std::size_t help_column = 28;

// "  NAME VALUE      help, its further lines below its first".
void add_entry(std::string& text, std::string head, std::string_view help) {
  head.insert(0, "  ");
  if (help.empty() || head.size() + 1 > help_column) {
    text += head + "\n";
    head.clear();
  }
  if (help.empty()) return;
  head.resize(help_column, ' ');
  text += head;
  for (const char letter : help) {
    text += letter;
    if (letter == '\n') text.append(help_column, ' ');
  }
  text += "\n";
}

}  // namespace

std::optional<arguments> parse(int count, const char* const* words, std::string& complaint) {
  walk all{count, words};
  if (all.run()) return std::move(all.into);
  complaint = std::move(all.complaint);
  return {};
}

std::string_view name_of(mode_name mode) noexcept { return entry_of(mode).name; }

std::string help_text(mode_name mode) {
  const mode_entry& own = entry_of(mode);
  std::string text = "sluice-gateway " + std::string{own.name} + " " + std::string{own.usage} +
                     " [OPTION]...\n" + std::string{own.help} + "\n\n";
  for (const option& each : all_options()) {
    if (!each.modes.contains(mode)) continue;
    add_entry(text, std::string{each.name} + " " + std::string{each.value}, each.help);
  }
  add_entry(text, "--help, --version", "");
  text += "\nModes (the first argument; echo when there is none); MODE --help says more:\n";
  for (const mode_entry& each : all_modes()) add_entry(text, std::string{each.name}, each.help);
  text +=
      "\nSIGINT or SIGTERM: stop accepting, hand on what was read, close, print a summary.\n"
      "SIGUSR1: print a status line.\n"
      "Exit status: 0 stopped in order, 1 could not start or stop, 2 arguments not understood.\n";
  return text;
}

}  // namespace gateway
