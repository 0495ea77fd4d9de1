// Sizes, formats and decode speed of a data set, and what they mean for a cache and a disk.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "data/image_folder.h"
#include "data/parallel.h"

namespace dgsam {

/// A quantity over the images of a sample.
struct Spread {
  double smallest = 0, low = 0, median = 0, high = 0, largest = 0, mean = 0;  // low and high: 5% and 95%
};

/// Percentiles by nearest rank. Throws Error for no value.
Spread spread_of(std::vector<double> values);

struct DatasetStats {
  std::int64_t images = 0;  // of the whole data set
  std::int64_t sampled = 0, failed = 0;
  Spread width, height, file_bytes, decoded_bytes;
  std::map<std::string, std::int64_t> formats;  // of the sample
  int threads = 0;
  double images_per_second_core = 0;  // decoded from memory on one core
  double images_per_second = 0;       // on `threads` threads
};

/// Looks at `sample` images spread evenly over the folder (all, if it has fewer), decodes them from memory on one core
/// and then on `threads` (0: one per core). Undecodable files are counted in `failed` and left out.
/// Throws Error unless `sample` > 0 and one image can be decoded.
DatasetStats measure_dataset(const ImageFolder& folder, std::int64_t sample, int threads,
                             const Progress& progress = {});

/// What a cache of `cache_bytes` would hold: files first, of which as many as the budget allows are kept decoded.
struct CacheFit {
  double decoded = 0, compressed = 0, on_disk = 0;  // fractions of the images
};
CacheFit fit_cache(const DatasetStats& stats, double cache_bytes);

struct StatsQuestion {
  double cache_gb = 4;
  double images_per_second = 0;  // of training; 0: not asked
};

/// For the terminal, a few lines.
std::string stats_text(const DatasetStats& stats, const StatsQuestion& question);
nlohmann::ordered_json to_json(const DatasetStats& stats, const StatsQuestion& question);

}  // namespace dgsam
