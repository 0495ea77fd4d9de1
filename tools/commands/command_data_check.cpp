#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "data/datasets.h"
#include "engine/core/check.h"
#include "tools/commands/commands.h"
#include "tools/dataset/dataset_check.h"
#include "tools/dataset/dataset_stats.h"
#include "tools/terminal/progress.h"

namespace dgsam {

namespace {

constexpr std::size_t kMostPaths = 20;

/// Which folder, and in which form to answer.
struct DataOptions {
  std::string dataset, directory;
  int threads = 0;
  bool json = false;

  std::filesystem::path root() const { return dataset_root(find_dataset(dataset), directory); }
};

void add_data_options(CLI::App& command, DataOptions& options) {
  std::string names;
  for (const DatasetSpec& spec : known_datasets()) names += (names.empty() ? "" : ", ") + spec.name;
  command.add_option("dataset", options.dataset, "One of " + names + "; `folder` has no published numbers")->required();
  command.add_option("directory", options.directory, "The data set's root, or the folder that holds it")->required();
  command.add_flag("--json", options.json, "Print JSON instead");
}

void add_threads_option(CLI::App& command, DataOptions& options) {
  command.add_option("--threads", options.threads, "0: one per core")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
}

void print_json(const nlohmann::ordered_json& json) {
  // A path may hold bytes that are no UTF-8.
  std::printf("%s\n", json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace).c_str());
}

void print_counts(const DatasetCheck& check) {
  for (const std::string& note : check.folder.notes) std::fprintf(stderr, "note: %s\n", note.c_str());
  std::printf("%s\n\n%s", check.folder.root.c_str(), count_tables(check).c_str());
  std::printf("\n%s\n", (check.names_problem.empty() ? check.counts : check.names_problem).c_str());
}

void run_check(const DataOptions& options, const std::string& duplicates) {
  DatasetCheck check = count_dataset(find_dataset(options.dataset), options.root());
  if (!options.json) print_counts(check);
  std::int64_t images = 0;
  for (const Domain& domain : check.folder.domains) images += std::ssize(domain.samples);
  ProgressBar bar("Decoding", images);
  check_files(check, {options.threads, duplicates}, [&](std::int64_t done, std::int64_t) { bar.set(done); });
  bar.finish();
  if (options.json) {
    print_json(to_json(check));
  } else {
    const std::string findings = findings_text(check, kMostPaths);
    if (!findings.empty()) std::printf("\n%s", findings.c_str());
  }
  std::fflush(stdout);
  require(check.passed(), check.folder.root.string(), " does not pass: ", failure_summary(check));
  if (!options.json) std::printf("Every image can be decoded.\n");
}

void add_data_check(CLI::App& data) {
  CLI::App* command =
      data.add_subcommand("check", "Decodes every image, and compares the numbers of images with the published ones");
  command->footer(
      "Exit code 0: domains, classes and numbers of images are the published ones (of one of the published versions),\n"
      "and every file can be decoded whole. Exit code 1: anything else. Files whose names say another format than "
      "they\n"
      "have, and images that are not read, are listed but do not change the exit code: training is not affected.\n\n"
      "Example: is DomainNet complete, and are the duplicates gone?\n"
      "  dgsam-run data check DomainNet data --duplicates domain_net_duplicates.txt");
  const auto options = std::make_shared<DataOptions>();
  const auto duplicates = std::make_shared<std::string>();
  add_data_options(*command, *options);
  add_threads_option(*command, *options);
  command->add_option("--duplicates", *duplicates,
                      "A list of files that must not be there, one domain/class/file a line: DomainNet's "
                      "domain_net_duplicates.txt");
  command->callback([options, duplicates] { run_check(*options, *duplicates); });
}

void add_data_info(CLI::App& data) {
  CLI::App* command =
      data.add_subcommand("info", "Counts the images of every domain and class, without looking into the files");
  const auto options = std::make_shared<DataOptions>();
  add_data_options(*command, *options);
  command->callback([options] {
    const DatasetCheck check = count_dataset(find_dataset(options->dataset), options->root());
    if (options->json) return print_json(to_json(check));
    print_counts(check);
  });
}

void add_data_stats(CLI::App& data) {
  CLI::App* command = data.add_subcommand(
      "stats", "Measures a sample: image sizes, formats, decode speed, and what a cache and a disk must hold and give");
  const auto options = std::make_shared<DataOptions>();
  const auto question = std::make_shared<StatsQuestion>();
  const auto sample = std::make_shared<std::int64_t>(512);
  add_data_options(*command, *options);
  add_threads_option(*command, *options);
  command->add_option("--sample", *sample, "Images to measure, spread evenly over the data set")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  command->add_option("--cache-gb", question->cache_gb, "Memory that training would have for images")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command
      ->add_option("--images-per-second", question->images_per_second,
                   "Of training: also print what the disk must deliver for it")
      ->check(CLI::NonNegativeNumber);
  command->callback([options, question, sample] {
    const ImageFolder folder = open_image_folder(options->root());
    std::int64_t images = 0;
    for (const Domain& domain : folder.domains) images += std::ssize(domain.samples);
    ProgressBar bar("Decoding a sample", 2 * std::min(*sample, images));  // on one core, then on all
    const DatasetStats stats =
        measure_dataset(folder, *sample, options->threads, [&](std::int64_t done, std::int64_t) { bar.set(done); });
    bar.finish();
    if (options->json) return print_json(to_json(stats, *question));
    std::printf("%s: %s", folder.root.c_str(), stats_text(stats, *question).c_str());
  });
}

}  // namespace

void add_data_check_commands(CLI::App& data) {
  add_data_info(data);
  add_data_check(data);
  add_data_stats(data);
}

}  // namespace dgsam
