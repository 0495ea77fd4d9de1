// Worst mistakes and confusions (last.eval.json) in the report.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tools/results/experiments.h"

namespace dgsam {

/// Of the first run of each method that has a record: per domain the wrong answers it was surest of, with thumbnails of
/// the files below `images` if it is not empty, and what the unseen domain's classes were taken for. "" when no run has
/// a record. Throws Error naming an image that cannot be read.
std::string mistakes_part(const Experiment& experiment, const std::filesystem::path& images);

/// A file to show: itself when it is a small PNG or JPEG, else a JPEG of it, at most `side` pixels wide and high.
/// Throws Error naming the path when it cannot be decoded.
std::vector<std::uint8_t> thumbnail(const std::filesystem::path& path, int side);

}  // namespace dgsam
