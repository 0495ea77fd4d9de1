// Plain tables for the terminal.
#pragma once

#include <string>
#include <vector>

namespace dgsam {

/// One line per row, two blanks between columns as wide as their longest cell: the first column flush left, the others
/// flush right. Cells are ASCII; rows may be short. Ends in a newline unless there is no row.
std::string text_columns(const std::vector<std::vector<std::string>>& rows);

}  // namespace dgsam
