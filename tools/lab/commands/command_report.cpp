#include <algorithm>
#include <cstdio>
#include <memory>

#include "data/image_folder.h"
#include "engine/core/check.h"
#include "tools/lab/commands/lab_commands.h"
#include "tools/lab/report/report.h"
#include "tools/lab/report/report_figures.h"
#include "tools/lab/report/report_findings.h"
#include "tools/lab/report/report_mistakes.h"
#include "tools/results/run_folders.h"
#include "tools/results/tables.h"
#include "tools/terminal/late_progress.h"

namespace dgsam {

namespace {

namespace fs = std::filesystem;

constexpr int kSampleSide = 96;  // pixels

struct ReportOptions {
  std::vector<std::string> folders;
  std::string samples;  ///< an image folder to show images of
  int sample_count = 10;
  std::string title = "Domain generalization with ERM, SAM and DGSAM";
  std::string explanation;
  std::vector<std::string> commands;
  std::string out, figures;
};

/// `count` images of each domain, spread over its classes.
std::vector<DomainSamples> sample_images(const std::string& root, int count) {
  std::vector<DomainSamples> samples;
  for (const Domain& domain : open_image_folder(root, MissingClasses::allow).domains) {
    DomainSamples shown{domain.name, {}};
    for (int i = 0; i < count; ++i) {
      const auto at = static_cast<std::size_t>((i + 0.5) / count * static_cast<double>(domain.samples.size()));
      shown.images.push_back(thumbnail(domain.samples[std::min(at, domain.samples.size() - 1)].path, kSampleSide));
    }
    samples.push_back(std::move(shown));
  }
  return samples;
}

/// Where the page goes: as asked, or into the one folder that holds the runs; "" for nowhere.
std::string place_of(const ReportOptions& options) {
  if (!options.out.empty()) return options.out;
  const bool holds_runs = options.folders.size() == 1 && !is_run_folder(options.folders.front());
  return holds_runs ? (fs::path(options.folders.front()) / "report.html").string() : "";
}

}  // namespace

void add_report_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("report", "Compares finished runs: tables, and one self-contained HTML page");
  command->footer(
      "Runs that differ in --seed or --trial-seed alone are one method, shown as mean and standard error over them;\n"
      "differences between methods are paired, with bootstrap intervals. What `sharpness`, `landscape` and `eval "
      "--save`\n"
      "left beside a checkpoint is shown, too. Runs that are not done are left out and named.\n\n"
      "Examples:\n"
      "  dgsam-run report sweeps/pacs                                    # writes sweeps/pacs/report.html\n"
      "  dgsam-run report runs/erm runs/sam --out both.html --samples data/PACS");
  const auto options = std::make_shared<ReportOptions>();
  command
      ->add_option("folders", options->folders,
                   "Folders that `dgsam-run train --out` wrote, or any that hold such folders, as a sweep's")
      ->required();
  command->add_option(
      "--out", options->out,
      "The HTML file to write [report.html in the folder, when one is given that holds runs; else none]");
  command->add_option("--figures", options->figures, "Write every chart of the page as an SVG file into this folder");
  command->add_option("--samples", options->samples,
                      "A data set's root: the page shows images of every domain, and those of the worst mistakes");
  command->add_option("--sample-count", options->sample_count, "Images per domain")
      ->check(CLI::Range(1, 50))
      ->capture_default_str();
  command->add_option("--title", options->title, "Of the page")->capture_default_str();
  command->add_option("--explanation", options->explanation, "A paragraph under the title");
  command->add_option("--command", options->commands,
                      "A command that reproduces the runs, shown at the end [from sweep.json and config.json]");
  command->callback([options] {
    RunFolders folders = find_run_folders({options->folders.begin(), options->folders.end()});
    if (!folders.skipped.empty()) {
      std::fprintf(stderr, "note: %zu run(s) not done and left out:\n", folders.skipped.size());
      for (const std::string& one : folders.skipped) std::fprintf(stderr, "  %s\n", one.c_str());
    }
    LateProgress progress("Reading runs");
    ReportInput input{.runs = read_runs(folders.runs, progress.callback())};
    progress.finish();
    input.skipped = std::move(folders.skipped);
    std::printf("%s", (text_tables(input.runs) + text_findings(input.runs)).c_str());
    const std::string out = place_of(*options);
    if (out.empty() && options->figures.empty()) return;
    input.title = options->title;
    input.explanation = options->explanation;
    input.commands = options->commands;
    input.images = options->samples;
    if (!options->samples.empty()) input.samples = sample_images(options->samples, options->sample_count);
    const std::string page = html_report(input);
    if (!out.empty()) {
      write_report(out, page);
      std::printf("Report: %s\n", out.c_str());
    }
    if (!options->figures.empty()) {
      std::printf("Figures: %zu in %s\n", write_figures(options->figures, page, labels_of(input.runs)),
                  options->figures.c_str());
    }
  });
}

}  // namespace dgsam
