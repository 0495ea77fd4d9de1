// Command lines as text: what to type to do the same again.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace dgsam {

/// The words as a line for a POSIX shell, quoted where needed.
std::string shell_words(const std::vector<std::string>& words);

/// Notes main()'s arguments; before anything else.
void set_command_line(std::span<char* const> arguments);
/// The command that this process does: "dgsam-run sharpness runs/a/last.safetensors". Empty unless main() noted it.
const std::string& command_line();

}  // namespace dgsam
