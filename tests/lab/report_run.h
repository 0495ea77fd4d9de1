// What tests ask of a page.
#pragma once

#include <string>
#include <vector>

#include "tests/results/made_run.h"

namespace dgsam {

/// What is wrong with the nesting of the elements, or "" when each one is closed in its turn.
inline std::string nesting_error(const std::string& html) {
  std::vector<std::string> open;
  for (std::size_t at = html.find('<'); at != std::string::npos; at = html.find('<', at + 1)) {
    const std::size_t end = html.find('>', at);
    if (end == std::string::npos) return "an element without an end";
    const std::string inside = html.substr(at + 1, end - at - 1);
    const bool closing = inside.front() == '/';
    const std::string name = inside.substr(closing, inside.find_first_of(" />\n", closing) - closing);
    if (closing) {
      if (open.empty() || open.back() != name) return "</" + name + "> closes " + (open.empty() ? "" : open.back());
      open.pop_back();
    } else if (inside.back() != '/' && name != "!DOCTYPE" && name != "meta" && name != "img" && name != "br") {
      open.push_back(name);
    }
  }
  return open.empty() ? "" : open.back() + " is not closed";
}

}  // namespace dgsam
