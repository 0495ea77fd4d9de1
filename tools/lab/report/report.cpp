// The page: its sections in their order.
#include "tools/lab/report/report.h"

#include <algorithm>

#include "engine/core/check.h"
#include "engine/io/atomic_file.h"
#include "tools/lab/report/report_curves.h"
#include "tools/lab/report/report_findings.h"
#include "tools/lab/report/report_html.h"
#include "tools/lab/report/report_landscape.h"
#include "tools/lab/report/report_mistakes.h"
#include "tools/lab/report/report_reproduce.h"
#include "tools/lab/report/report_sharpness.h"
#include "tools/lab/report/report_style.h"

namespace dgsam {
namespace {

/// HTML under a heading of the third level; "" when there is none.
std::string part(const std::string& heading, const std::string& html) {
  return html.empty() ? "" : element("h3", heading) + html;
}

class Page {
 public:
  explicit Page(const ReportInput& input)
      : input_(input),
        experiments_(experiments_of(input.runs)),
        averaged_(averaged_experiments(input.runs)),
        labels_(labels_of(input.runs)) {}

  std::string html() const {
    std::string text =
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
    text += element("title", input_.title) + "<style>" + page_style() + "</style>\n</head>\n<body>\n";
    text += "<a class=\"skip\" href=\"#results\">Skip to the results</a>\n<main>\n<header>\n";
    text += element("h1", input_.title) + (input_.explanation.empty() ? "" : element("p", input_.explanation));
    text += "<p class=\"headline\">" + escaped(headline(input_.runs)) + "</p>\n" + findings() + skipped() + contents() +
            "</header>\n";
    text += samples() + "<div id=\"results\">\n" + averages();
    for (std::size_t i = 0; i < experiments_.size(); ++i) text += experiment(i);
    text += "</div>\n<section id=\"cost\">\n<h2>Cost</h2>\n" +
            html_table(cost_table(input_.runs), "Of one run, mean over all runs of a method", labels_) + "</section>\n";
    return text + reading() + reproduce_section(input_) + "</main>\n</body>\n</html>\n";
  }

 private:
  std::string findings() const {
    std::string items;
    bool interval = false;
    for (const PairedFinding& finding : paired_findings(input_.runs)) {
      items += element("li", sentence_of(finding));
      interval = interval || finding.accuracy.pairs > 1 || finding.sharpness.pairs > 1;
    }
    if (items.empty()) return "";
    const std::string caveat = findings_caveat(input_.runs);
    return "<div class=\"findings\">\n" +
           element("p", std::string("Paired differences: the same trial with the same domain left out") +
                            (interval ? ", mean and 95 % bootstrap interval." : ".")) +
           "<ul>\n" + items + "</ul>\n" + (caveat.empty() ? "" : element("p", caveat)) + "</div>\n";
  }

  std::string skipped() const {
    if (input_.skipped.empty()) return "";
    std::string items;
    for (const std::string& one : input_.skipped) items += element("li", one);
    const std::size_t count = input_.skipped.size();
    return details(std::to_string(count) + (count == 1 ? " run is" : " runs are") + " not done and left out",
                   "<ul>\n" + items + "</ul>\n");
  }

  std::string contents() const {
    std::string text = "<nav aria-label=\"Contents\"><ul>\n";
    const auto link = [&](const std::string& id, const std::string& name) {
      text += "<li><a href=\"#" + id + "\">" + escaped(name) + "</a></li>\n";
    };
    if (!input_.samples.empty()) link("domains", "The domains");
    if (averaged_.size() > 1) link("average", "All unseen domains");
    for (std::size_t i = 0; i < experiments_.size(); ++i) link("unseen-" + std::to_string(i), name_of(experiments_[i]));
    link("cost", "Cost");
    link("reading", "How to read this");
    link("reproduce", "Reproduce");
    return text + "</ul></nav>\n";
  }

  static std::string name_of(const Experiment& experiment) {
    return experiment.unseen.empty() ? "No domain left out" : "Unseen domain: " + experiment.unseen;
  }

  std::string samples() const {
    if (input_.samples.empty()) return "";
    std::string text = "<section id=\"domains\">\n<h2>The domains</h2>\n<div class=\"domains\">\n";
    for (const DomainSamples& domain : input_.samples) {
      const bool unseen = std::any_of(experiments_.begin(), experiments_.end(),
                                      [&](const auto& e) { return e.unseen == domain.domain; });
      const std::string tag = !unseen                   ? "source"
                              : experiments_.size() > 1 ? "unseen in its turn"
                                                        : "unseen in training";
      text += "<figure>\n<figcaption><b>" + escaped(domain.domain) + "</b><span class=\"tag" +
              (unseen ? " unseen" : "") + "\">" + tag + "</span></figcaption>\n<div class=\"thumbs\">\n";
      for (std::size_t i = 0; i < domain.images.size(); ++i) {
        text += embedded_image(domain.images[i], domain.domain + ", sample " + std::to_string(i + 1) + " of " +
                                                     std::to_string(domain.images.size()));
      }
      text += "</div>\n</figure>\n";
    }
    return text + "</div>\n</section>\n";
  }

  std::string averages() const {
    if (averaged_.size() < 2) return "";
    const Table table = average_table(input_.runs);
    return "<section id=\"average\">\n<h2>All unseen domains</h2>\n<div class=\"pair\">\n" +
           html_table(table, table.title, labels_) + "<div>\n" + average_figures(averaged_, labels_) +
           "</div>\n</div>\n" + part("Worst case and curvature, averaged", average_sharpness_part(averaged_, labels_)) +
           "</section>\n";
  }

  std::string experiment(std::size_t index) const {
    const Experiment& experiment = experiments_[index];
    std::string text = "<section id=\"unseen-" + std::to_string(index) + "\">\n" + element("h2", name_of(experiment));
    text += "<div class=\"pair\">\n" +
            html_table(experiment_table(experiment), "Accuracy, sharpness and cost", labels_) +
            sharpness_figure(experiment) + "</div>\n";
    text += curves(experiment) + evaluations(experiment);
    text += part("Worst case and curvature", sharpness_part(experiment, labels_));
    text += part("Loss landscapes", landscape_part(experiment));
    text += part("Worst mistakes", mistakes_part(experiment, input_.images));
    return text + "</section>\n";
  }

  std::string reading() const {
    std::string text = "<section id=\"reading\">\n<h2>How to read this</h2>\n";
    text +=
        element("p",
                "Accuracy on the unseen domain is that of its in-split, 80 % of its images unless set otherwise, "
                "none of which was trained on. Accuracy on a source is that of its held-out images. Both are of the "
                "final model, with SWAD of the averaged weights.");
    if (has_repetitions(experiments_)) {
      text += element("p",
                      "A cell with ± is the mean over repetitions of a run and its standard error: population standard "
                      "deviation divided by the square root of their number, as DomainBed has it. A number in brackets "
                      "says that fewer repetitions were measured. Averages over unseen domains are taken in each trial "
                      "first, then over trials.");
    }
    text +=
        element("p",
                "One-step sharpness is the rise of a loss when the parameters take one ascent step of length rho: on "
                "one domain's loss (individual) or on the mean over the sources (total). The total can be flat "
                "while single domains are sharp.");
    text += element("p",
                    "A domain gradient is one gradient of one domain's batch. With S source domains a step costs S of "
                    "them in ERM, 2S in SAM and S + 1 in DGSAM.");
    const bool dgsam = std::any_of(input_.runs.begin(), input_.runs.end(),
                                   [](const FinishedRun& run) { return run.algorithm == "dgsam"; });
    if (dgsam) {
      text +=
          element("p",
                  "DGSAM's training loss is the mean over its S + 1 passes, most of them at ascended parameters, so "
                  "it lies above the loss that ERM and SAM record at the parameters themselves.");
    }
    return text + "</section>\n";
  }

  const ReportInput& input_;
  std::vector<Experiment> experiments_, averaged_;
  std::vector<std::string> labels_;
};

}  // namespace

std::string html_report(const ReportInput& input) {
  check_runs(input.runs);
  return Page(input).html();
}

void write_report(const std::filesystem::path& path, const std::string& html) { write_atomically(path.string(), html); }

}  // namespace dgsam
