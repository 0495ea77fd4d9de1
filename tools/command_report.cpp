#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>

#include "data/image_folder.h"
#include "engine/core/check.h"
#include "tools/commands.h"
#include "tools/report.h"

namespace dgsam {

namespace {

struct ReportOptions {
  std::vector<std::string> runs;
  std::string samples;  ///< an image folder to show images of
  int sample_count = 10;
  std::string title = "Domain generalization with ERM, SAM and DGSAM";
  std::string explanation;
  std::vector<std::string> commands;
  std::string out;
};

/// `count` PNG files of each domain, spread over its classes.
std::vector<DomainSamples> sample_images(const std::string& root, int count) {
  std::vector<DomainSamples> samples;
  for (const Domain& domain : open_image_folder(root).domains) {
    DomainSamples shown{domain.name, {}};
    for (int i = 0; i < count; ++i) {
      const auto at = static_cast<std::size_t>((i + 0.5) / count * static_cast<double>(domain.samples.size()));
      const std::filesystem::path& path = domain.samples[std::min(at, domain.samples.size() - 1)].path;
      require(path.extension() == ".png", "--samples shows PNG files only, not ", path.string());
      std::ifstream file(path, std::ios::binary);
      shown.pngs.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    }
    samples.push_back(std::move(shown));
  }
  return samples;
}

}  // namespace

void add_report_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("report", "Compares finished runs: a table, and one self-contained HTML page");
  const auto options = std::make_shared<ReportOptions>();
  command->add_option("runs", options->runs, "Folders written by `dgsam-run train --out`")->required();
  command->add_option("--out", options->out, "The HTML file to write; without it only the table is printed");
  command->add_option("--samples", options->samples, "A data set's root: the page shows images of every domain");
  command->add_option("--sample-count", options->sample_count, "Images per domain")
      ->check(CLI::Range(1, 50))
      ->capture_default_str();
  command->add_option("--title", options->title, "Of the page")->capture_default_str();
  command->add_option("--explanation", options->explanation, "A paragraph under the title");
  command->add_option("--command", options->commands, "A command that reproduces the runs, shown at the end");
  command->callback([options] {
    ReportInput input = read_runs({options->runs.begin(), options->runs.end()});
    std::printf("%s", text_table(input).c_str());
    if (options->out.empty()) return;
    input.title = options->title;
    input.explanation = options->explanation;
    input.commands = options->commands;
    if (!options->samples.empty()) input.samples = sample_images(options->samples, options->sample_count);
    write_report(options->out, input);
    std::printf("Report: %s\n", options->out.c_str());
  });
}

}  // namespace dgsam
