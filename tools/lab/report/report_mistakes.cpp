#include "tools/lab/report/report_mistakes.h"

#include <algorithm>
#include <cmath>

#include "tools/lab/report/report_html.h"

namespace dgsam {
namespace {

constexpr std::size_t kMistakes = 6;        // per domain and method: a page of many runs stays small
constexpr std::size_t kMatrixClasses = 12;  // more: the pairs that are confused most
constexpr std::size_t kPairs = 10;
constexpr int kSide = 64;

/// The first run of a method that has a record.
const EvalRecord* record_of(const MethodRuns& method) {
  for (const FinishedRun* run : method.runs) {
    if (run->analysis.eval) return &*run->analysis.eval;
  }
  return nullptr;
}

std::string mistake_html(const EvalRecord::Mistake& mistake, const std::filesystem::path& images) {
  const std::string what = mistake.truth + " taken for " + mistake.predicted;
  std::string text = "<li>";
  if (!images.empty()) text += embedded_image(thumbnail(images / mistake.file, kSide), what + ": " + mistake.file);
  text += "<span><b>" + escaped(mistake.predicted) + "</b> " + format_number(100 * mistake.confidence, 1) +
          "\u00a0%<br><small>truth: " + escaped(mistake.truth) + "</small>";
  if (images.empty()) text += "<br><small>" + escaped(mistake.file) + "</small>";
  return text + "</span></li>\n";
}

std::string mistakes_of(const std::string& domain, bool unseen, const Experiment& experiment,
                        const std::filesystem::path& images) {
  std::string text;
  for (const MethodRuns& method : experiment.methods) {
    const EvalRecord* record = record_of(method);
    if (record == nullptr) continue;
    for (const EvalRecord::DomainImages& one : record->domains) {
      if (one.name != domain || one.mistakes.empty()) continue;
      text += "<p class=\"method " + colour_class(method.colour) + "\">" + escaped(method.label) +
              "</p>\n<ul class=\"mistakes\">\n";
      for (std::size_t i = 0; i < std::min(kMistakes, one.mistakes.size()); ++i) {
        text += mistake_html(one.mistakes[i], images);
      }
      text += "</ul>\n";
    }
  }
  if (text.empty()) return "";
  return figure(domain + (unseen ? ", unseen" : ""), "Wrong answers that the network was surest of", text);
}

std::string matrix(const EvalRecord& record, const EvalRecord::DomainImages& domain, const std::string& title) {
  std::string text = "<table class=\"confusion\">\n<caption>" + escaped(title) + "</caption>\n<thead><tr><td></td>";
  for (const std::string& name : record.classes) text += "<th scope=\"col\">" + escaped(name) + "</th>";
  text += "</tr></thead>\n<tbody>\n";
  for (std::size_t truth = 0; truth < record.classes.size(); ++truth) {
    const std::vector<std::int64_t>& row = domain.confusion[truth];
    std::int64_t images = 0;
    for (const std::int64_t count : row) images += count;
    text += "<tr><th scope=\"row\">" + escaped(record.classes[truth]) + "</th>";
    for (std::size_t predicted = 0; predicted < row.size(); ++predicted) {
      const double part = images > 0 ? static_cast<double>(row[predicted]) / static_cast<double>(images) : 0;
      text += std::string("<td class=\"") + (truth == predicted ? "right" : "wrong") +
              "\" style=\"--part:" + format_number(100 * part, 0) + "%\">" + std::to_string(row[predicted]) + "</td>";
    }
    text += "</tr>\n";
  }
  return text + "</tbody>\n</table>\n";
}

std::string most_confused(const EvalRecord& record, const EvalRecord::DomainImages& domain, const std::string& title) {
  struct Pair {
    std::int64_t count;
    std::size_t truth, predicted;
  };
  std::vector<Pair> pairs;
  for (std::size_t truth = 0; truth < domain.confusion.size(); ++truth) {
    for (std::size_t predicted = 0; predicted < domain.confusion.size(); ++predicted) {
      const std::int64_t count = domain.confusion[truth][predicted];
      if (truth != predicted && count > 0) pairs.push_back({count, truth, predicted});
    }
  }
  std::stable_sort(pairs.begin(), pairs.end(), [](const Pair& a, const Pair& b) { return a.count > b.count; });
  pairs.resize(std::min(pairs.size(), kPairs));
  if (pairs.empty()) return element("p", title + ": no image was taken for another class.");
  std::string text = "<table>\n<caption>" + escaped(title) +
                     "</caption>\n<thead><tr><th scope=\"col\">class</th><th scope=\"col\">taken for</th>"
                     "<th scope=\"col\">images</th></tr></thead>\n<tbody>\n";
  for (const Pair& pair : pairs) {
    text += "<tr><th scope=\"row\">" + escaped(record.classes[pair.truth]) + "</th><td>" +
            escaped(record.classes[pair.predicted]) + "</td><td>" + std::to_string(pair.count) + "</td></tr>\n";
  }
  return text + "</tbody>\n</table>\n";
}

/// Of the unseen domain, or of every domain where none is left out.
std::string confusions(const Experiment& experiment) {
  std::string text;
  for (const MethodRuns& method : experiment.methods) {
    const EvalRecord* record = record_of(method);
    if (record == nullptr) continue;
    for (const EvalRecord::DomainImages& domain : record->domains) {
      const bool shown = experiment.unseen.empty() || domain.name == experiment.unseen;
      if (!shown || domain.confusion.empty()) continue;
      const std::string title = method.label + ", " + domain.name + ": class (rows), taken for (columns)";
      text += scrolling(title, record->classes.size() <= kMatrixClasses ? matrix(*record, domain, title)
                                                                        : most_confused(*record, domain, title));
    }
  }
  return text.empty() ? "" : details("What classes were taken for", text);
}

}  // namespace

std::string mistakes_part(const Experiment& experiment, const std::filesystem::path& images) {
  std::string text;
  const std::vector<std::string>& domains = experiment.first().domains;
  for (std::size_t domain = 0; domain < domains.size(); ++domain) {
    text += mistakes_of(domains[domain], static_cast<int>(domain) == experiment.first().unseen, experiment, images);
  }
  if (!text.empty()) text = "<div class=\"domains\">\n" + text + "</div>\n";
  return text + confusions(experiment);
}

}  // namespace dgsam
