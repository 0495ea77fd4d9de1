// The command line that a run came from, and values as its flags take them.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace dgsam {

/// The `dgsam-run train` that config.json, whose contents are `config`, came from: the flags whose values are not
/// train's defaults. Throws Error naming `where` for a value that train cannot take.
std::string train_command(const nlohmann::ordered_json& config, const std::filesystem::path& folder,
                          const std::string& where);

/// "on", "off", a text without quotes, a number.
std::string flag_value(const nlohmann::ordered_json& value);

}  // namespace dgsam
