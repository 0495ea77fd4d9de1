// A report's drawings as files of their own, for papers and other pages.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace dgsam {

/// Every chart of a page of html_report(), as a complete SVG file with the page's colours, light and dark, and, where
/// it does not name the methods, a key of them below: `labels` in the order of their colours. By file name: the heading
/// that it stands under and its own title, as in "all-unseen-domains-accuracy.svg". Landscapes have files of their own.
std::map<std::string, std::string> svg_figures(const std::string& html, const std::vector<std::string>& labels);

/// Writes them into `folder`, which is made if need be; returns how many there are.
std::size_t write_figures(const std::filesystem::path& folder, const std::string& html,
                          const std::vector<std::string>& labels);

}  // namespace dgsam
