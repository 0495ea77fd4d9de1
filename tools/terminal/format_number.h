// Numbers for tables and figures.
#pragma once

#include <string>

namespace dgsam {

/// `value` with so many decimals; an en dash when it is missing (NaN).
std::string format_number(double value, int decimals);

}  // namespace dgsam
