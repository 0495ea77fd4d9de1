#include "tools/measure/measurement_file.h"

#include <nlohmann/json.hpp>

#include "engine/io/atomic_file.h"
#include "tools/terminal/command_line.h"

namespace dgsam {

void write_measurement(const std::string& path, nlohmann::ordered_json json, int indent) {
  if (!command_line().empty()) json["command"] = command_line();
  // Names of files may be no UTF-8.
  write_atomically(path, json.dump(indent, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
}

}  // namespace dgsam
