// Flags that take one of a few words.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "tools/train/choices.h"

namespace dgsam {

/// A flag that calls `set` with one of `words`; `standard` is the one that help says is meant without it.
inline CLI::Option* add_word(CLI::App& command, const std::string& flag, const std::vector<std::string>& words,
                             const std::string& standard, const std::function<void(const std::string&)>& set,
                             const std::string& help) {
  return command.add_option_function<std::string>(flag, set, help)->check(CLI::IsMember(words))->default_str(standard);
}

/// on or off.
inline CLI::Option* add_switch(CLI::App& command, const std::string& flag, bool& value, const std::string& help) {
  return add_word(
      command, flag, {"on", "off"}, value ? "on" : "off", [&value](const std::string& word) { value = word == "on"; },
      help);
}

/// One of an enum's words.
template <class E>
CLI::Option* add_choice(CLI::App& command, const std::string& flag, E& value, const std::string& help) {
  return add_word(
      command, flag, words_of<E>(), word_of(value),
      [&value](const std::string& word) { value = value_of<E>(word).value_or(value); }, help);
}

}  // namespace dgsam
