#include "tools/lab/report/report_figures.h"

#include <cctype>
#include <cstdio>

#include "engine/io/atomic_file.h"
#include "tools/lab/drawing/svg.h"
#include "tools/lab/report/report_style.h"

namespace dgsam {
namespace {

/// The text between `begin` and `end`, the first such behind `from`; "" without.
std::string between(const std::string& text, std::size_t from, const std::string& begin, const std::string& end) {
  const std::size_t start = text.find(begin, from);
  if (start == std::string::npos) return "";
  const std::size_t first = start + begin.size(), last = text.find(end, first);
  return last == std::string::npos ? "" : text.substr(first, last - first);
}

/// Letters and digits in small letters, everything else a hyphen, never two of them.
std::string file_words(const std::string& text) {
  std::string words;
  for (const char letter : text) {
    const auto code = static_cast<unsigned char>(letter);
    if (std::isalnum(code) != 0) {
      words += static_cast<char>(std::tolower(code));
    } else if (!words.empty() && words.back() != '-') {
      words += '-';
    }
  }
  while (!words.empty() && words.back() == '-') words.pop_back();
  return words;
}

constexpr double kKeyHeight = 24, kKeyLetter = 7.2, kKeyGap = 18;  // in the units of the view box

std::string key_of(const std::vector<std::string>& labels, double y) {
  std::string svg;
  double x = kChartLeft;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const int colour = static_cast<int>(i);
    svg += "<g class=\"" + colour_class(colour) + "\">\n" + chart_mark(x, y, colour, labels[i]) +
           svg_text(x + 9, y + 4, "start", labels[i], "label " + colour_class(colour)) + "</g>\n";
    x += 9 + kKeyLetter * static_cast<double>(labels[i].size()) + kKeyGap;
  }
  return svg;
}

}  // namespace

std::map<std::string, std::string> svg_figures(const std::string& html, const std::vector<std::string>& labels) {
  const std::string opening = "<svg viewBox=\"0 0 ", closing = "</svg>", heading = "<h2>";
  std::map<std::string, std::string> figures;
  for (std::size_t at = html.find(opening); at != std::string::npos; at = html.find(opening, at + 1)) {
    const std::size_t end = html.find(closing, at), tag_end = html.find('>', at), under = html.rfind(heading, at);
    double width = 0, height = 0;
    if (std::sscanf(html.c_str() + at + opening.size(), "%lf %lf", &width, &height) != 2) continue;
    const std::string body = html.substr(tag_end + 1, end - tag_end - 1);
    if (body.find("class=\"field\"") != std::string::npos) continue;  // a landscape
    const std::string section = under == std::string::npos ? "" : between(html, under, heading, "</h2>");
    const std::string title = between(html, at, "aria-label=\"", "\""), name = file_words(section + " " + title);
    std::string file = name + ".svg";
    for (int number = 2; figures.contains(file); ++number) file = name + "-" + std::to_string(number) + ".svg";
    const bool named = !labels.empty() && body.find(">" + escaped(labels.front()) + "</text>") != std::string::npos;
    figures[file] = svg_file_opening(title, width, height + (named ? 0 : kKeyHeight), chart_file_style()) + body +
                    (named ? "" : key_of(labels, height + kKeyHeight / 2)) + closing + "\n";
  }
  return figures;
}

std::size_t write_figures(const std::filesystem::path& folder, const std::string& html,
                          const std::vector<std::string>& labels) {
  std::filesystem::create_directories(folder);
  const std::map<std::string, std::string> figures = svg_figures(html, labels);
  for (const auto& [file, svg] : figures) write_atomically((folder / file).string(), svg);
  return figures.size();
}

}  // namespace dgsam
