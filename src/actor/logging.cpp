// What logging.hpp and log() call: the level, the fields and the lines of processes and metas.
#include <sluice/logging.hpp>

#include <string>
#include <utility>

#include "actor/caller.hpp"
#include "actor/log_settings.hpp"
#include "actor/process_extension.hpp"

namespace sluice::inline v0::core {

namespace {

constexpr std::size_t field_bytes_max = 256;

log_settings& settings_of(slot& self) {
  auto& own = make_seldom(self).logging;
  if (own == nullptr) own = std::make_unique<log_settings>();
  return *own;
}

const log_settings* find_settings(const slot& self) noexcept {
  const seldom_used* const more = seldom_or_null(self);
  return more == nullptr ? nullptr : more->logging.get();
}

std::string source_of(const node_core& node, const slot& self) {
  const std::uint32_t generation = own_generation(self);
  std::string name;
  if (self.is_named != 0) name = node.names.name_of({node.id, self.index, generation});
  if (!name.empty()) return name;
  return (is_meta(self) ? "alias " : "pid ") + std::to_string(node.id) + '.' +
         std::to_string(self.index) + '.' + std::to_string(generation);
}

}  // namespace

void log_line(slot& self, log_severity level, std::string_view text) {
  caller from{self};
  if (!from) return;
  const log_settings* const own = find_settings(self);
  if (own != nullptr && level < own->level) return;
  if (is_meta(self) && level < self.meta->log_level) return;
  node_core& node = from.by().node;
  log_record line;
  line.severity = level;
  const std::uint32_t generation = own_generation(self);
  line.from = is_meta(self) ? address{alias{node.id, self.index, generation}}
                            : address{pid{node.id, self.index, generation}};
  line.source = escape_for_log(source_of(node, self), name_registry::name_bytes_max);
  line.text = escape_for_log(text, node_core::log_bytes_max);
  if (own != nullptr) line.fields = own->fields;
  node.write_record(std::move(line));
}

void set_log_level(slot& self, log_severity from) noexcept { settings_of(self).level = from; }

std::size_t push_log_field(slot& self, std::string_view name, std::string_view value) {
  auto& fields = settings_of(self).fields;
  fields.push_back({escape_for_log(name, field_bytes_max), escape_for_log(value, field_bytes_max)});
  return fields.size() - 1;
}

void pop_log_fields(slot& self, std::size_t depth) noexcept {
  auto& fields = settings_of(self).fields;
  if (depth < fields.size()) fields.resize(depth);
}

void receive_log(slot& self, log_severity from) {
  caller here{self};
  here.by().node.outputs.receive(pid_of(self), from);
}

bool stop_receiving_log(slot& self) noexcept {
  caller here{self};
  return here.by().node.outputs.stop_receiving(pid_of(self));
}

}  // namespace sluice::inline v0::core
