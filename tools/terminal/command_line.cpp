#include "tools/terminal/command_line.h"

#include <algorithm>
#include <cctype>
#include <cstring>

namespace dgsam {
namespace {

std::string& noted() {
  static std::string line;
  return line;
}

}  // namespace

std::string shell_words(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    const bool plain = !word.empty() && std::all_of(word.begin(), word.end(), [](unsigned char letter) {
      return std::isalnum(letter) || std::strchr("_-./=,:+@%", letter) != nullptr;
    });
    std::string quoted = "'";
    for (const char letter : word) quoted += letter == '\'' ? std::string("'\\''") : std::string(1, letter);
    text += (text.empty() ? "" : " ") + (plain ? word : quoted + "'");
  }
  return text;
}

void set_command_line(std::span<char* const> arguments) {
  std::vector<std::string> words{"dgsam-run"};
  if (!arguments.empty()) words.insert(words.end(), arguments.begin() + 1, arguments.end());
  noted() = shell_words(words);
}

const std::string& command_line() { return noted(); }

}  // namespace dgsam
