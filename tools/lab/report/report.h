// The report of finished runs: one self-contained HTML page.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "tools/results/finished_run.h"

namespace dgsam {

/// Some images of one domain, each a whole PNG or JPEG file.
struct DomainSamples {
  std::string domain;
  std::vector<std::vector<std::uint8_t>> images = {};
};

struct ReportInput {
  std::string title = {};
  std::string explanation = {};  // one paragraph
  std::vector<FinishedRun> runs = {};
  std::vector<std::string> skipped = {};  // runs that are not done: a folder and what is wrong with it
  std::vector<DomainSamples> samples = {};
  std::filesystem::path images = {};       // root of the data set, for thumbnails of mistakes; empty: none are shown
  std::vector<std::string> commands = {};  // what to type to get these numbers again
};

/// The page: no script, no network, light and dark, every text escaped. Throws Error when there is no run
/// or the runs have different domains.
std::string html_report(const ReportInput& input);

/// A page of html_report() into a file, which is replaced at once. Throws Error naming the path when it cannot be
/// written.
void write_report(const std::filesystem::path& path, const std::string& html);

}  // namespace dgsam
