#include "tools/terminal/format_number.h"

#include <cmath>
#include <cstdio>

namespace dgsam {

std::string format_number(double value, int decimals) {
  if (std::isnan(value)) return "–";
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  return text;
}

}  // namespace dgsam
