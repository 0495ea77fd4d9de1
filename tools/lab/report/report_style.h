// The style sheets of the report: of its page, and of its charts as files of their own.
#pragma once

#include <string>

namespace dgsam {

/// Colours of a map of losses: classes v0 to v11.
inline constexpr int kMapBands = 12;

std::string page_style();
std::string chart_file_style();

}  // namespace dgsam
