// The gateway's command line: understood, or refused with a complaint; never both.
#include "fuzz_target.hpp"

#include <string>
#include <vector>

#include "gateway/arguments.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // A word a line.
  std::vector<std::string> words{"sluice-gateway"};
  std::string_view rest = fuzz::text_of(data, size);
  while (!rest.empty() && words.size() < 64) {
    const std::string_view word = rest.substr(0, rest.find('\n'));
    words.emplace_back(word.substr(0, word.find('\0')));
    rest.remove_prefix(std::min(rest.size(), word.size() + 1));
  }
  std::vector<const char*> pointers;
  for (const std::string& word : words) pointers.push_back(word.c_str());
  std::string complaint;
  const auto seen = gateway::parse(static_cast<int>(pointers.size()), pointers.data(), complaint);
  fuzz::require(seen.has_value() == complaint.empty(), "who refuses says why, and only then");
  if (seen) fuzz::require(!gateway::help_text(seen->mode).empty(), "each mode has a help");
  return 0;
}
