// The flags of `dgsam-run train`, for commands that take them and for those that pass them on.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "tools/train/train_config.h"

namespace CLI {
class App;  // its header takes seconds to compile
}

namespace dgsam {

/// Adds all flags, grouped, with help that teaches.
void add_train_flags(CLI::App& command, TrainConfig& config);
/// Names of the options that stand on the command line, with _ for -: for train, as TrainConfig::to_json() spells them.
std::set<std::string> given_fields(const CLI::App& command);

/// What a list of train's flags says. The rest of `config` is as without flags: apply_defaults() was not called.
struct TrainFlags {
  TrainConfig config;
  std::set<std::string> given;
};

/// Parses words such as {"--steps", "7"}; files and folders become absolute. Throws Error that begins with `whose`, as
/// in "the flags after --", where they are not train's.
TrainFlags parse_train_flags(std::vector<std::string> words, const std::string& whose);
/// Such words with every file and folder made absolute, for a process in another folder.
std::vector<std::string> with_absolute_paths(std::vector<std::string> words);

}  // namespace dgsam
