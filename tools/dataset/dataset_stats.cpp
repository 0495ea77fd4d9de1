#include "tools/dataset/dataset_stats.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <numeric>

#include "data/datasets.h"
#include "data/image.h"
#include "data/image_file.h"
#include "engine/core/check.h"
#include "tools/dataset/dataset_check.h"
#include "tools/terminal/text_columns.h"

namespace dgsam {
namespace {

using Clock = std::chrono::steady_clock;

struct EncodedImage {
  std::string name;
  std::vector<std::uint8_t> bytes;
};

std::string number(double value, int decimals) {
  char text[48];
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  return text;
}

std::string bytes_text(double bytes) {
  return bytes < 1e9 ? number(bytes / 1e6, 1) + " MB" : number(bytes / 1e9, 2) + " GB";
}

std::string percent(double fraction) { return number(100 * fraction, 0) + "%"; }

/// `sample` of the folder's paths, spread evenly over its order.
std::vector<std::filesystem::path> sample_paths(const ImageFolder& folder, std::int64_t sample) {
  std::vector<std::filesystem::path> all, chosen;
  for (const Domain& domain : folder.domains) {
    for (const Sample& one : domain.samples) all.push_back(one.path);
  }
  const std::int64_t count = std::min<std::int64_t>(sample, std::ssize(all));
  for (std::int64_t i = 0; i < count; ++i)
    chosen.push_back(all[static_cast<std::size_t>((2 * i + 1) * std::ssize(all) / (2 * count))]);
  return chosen;
}

std::vector<std::string> spread_row(const std::string& name, const Spread& spread, double unit, int decimals) {
  std::vector<std::string> row = {name};
  for (const double value : {spread.smallest, spread.low, spread.median, spread.high, spread.largest, spread.mean})
    row.push_back(number(value / unit, decimals));
  return row;
}

nlohmann::ordered_json spread_json(const Spread& spread) {
  return {{"smallest", spread.smallest}, {"p5", spread.low},          {"median", spread.median},
          {"p95", spread.high},          {"largest", spread.largest}, {"mean", spread.mean}};
}

double disk_bytes_per_second(const DatasetStats& stats, const StatsQuestion& question) {
  return fit_cache(stats, question.cache_gb * 1e9).on_disk * stats.file_bytes.mean * question.images_per_second;
}

/// Cores kept busy by decoding what is not kept decoded.
double decoding_cores(const DatasetStats& stats, const StatsQuestion& question) {
  const double share = 1 - fit_cache(stats, question.cache_gb * 1e9).decoded;
  return share * question.images_per_second / stats.images_per_second_core;
}

}  // namespace

Spread spread_of(std::vector<double> values) {
  require(!values.empty(), "there is no image to measure");
  std::sort(values.begin(), values.end());
  const auto rank = [&](double fraction) {
    const auto at = static_cast<std::size_t>(std::ceil(fraction * static_cast<double>(values.size())));
    return values[std::clamp<std::size_t>(at, 1, values.size()) - 1];
  };
  const double sum = std::accumulate(values.begin(), values.end(), 0.0);
  return {values.front(), rank(0.05), rank(0.5), rank(0.95), values.back(), sum / static_cast<double>(values.size())};
}

DatasetStats measure_dataset(const ImageFolder& folder, std::int64_t sample, int threads, const Progress& progress) {
  require(sample > 0, "--sample ", sample, ": must be at least 1");
  DatasetStats stats;
  for (const Domain& domain : folder.domains) stats.images += std::ssize(domain.samples);
  const std::vector<std::filesystem::path> paths = sample_paths(folder, sample);
  const std::int64_t total = 2 * std::ssize(paths);
  std::vector<EncodedImage> encoded;
  std::vector<double> widths, heights, file_bytes, decoded_bytes;
  double seconds = 0;
  std::string last_error;
  for (std::int64_t i = 0; i < std::ssize(paths); ++i) {
    try {
      const std::filesystem::path& path = paths[static_cast<std::size_t>(i)];
      EncodedImage one{path.string(), read_file(path)};
      DecodeReport report;
      const auto start = Clock::now();
      const Image image = decode_image(one.bytes, one.name, &report);
      seconds += std::chrono::duration<double>(Clock::now() - start).count();
      widths.push_back(image.width);
      heights.push_back(image.height);
      file_bytes.push_back(static_cast<double>(one.bytes.size()));
      decoded_bytes.push_back(static_cast<double>(image.rgb.size()));
      ++stats.formats[format_name(report.format)];
      encoded.push_back(std::move(one));
    } catch (const Error& error) {
      ++stats.failed;
      last_error = error.what();
    }
    if (progress) progress(i + 1, total);
  }
  require(!encoded.empty(), "none of ", paths.size(), " images can be decoded: ", last_error);
  stats.sampled = std::ssize(encoded);
  stats.width = spread_of(std::move(widths));
  stats.height = spread_of(std::move(heights));
  stats.file_bytes = spread_of(std::move(file_bytes));
  stats.decoded_bytes = spread_of(std::move(decoded_bytes));
  stats.images_per_second_core = static_cast<double>(stats.sampled) / std::max(seconds, 1e-9);

  stats.threads = thread_count(threads);
  const auto start = Clock::now();
  std::vector<double> finished(encoded.size());  // parallel_items() looks up from time to time only
  parallel_items(
      stats.sampled, stats.threads,
      [&](std::int64_t item) {
        const EncodedImage& one = encoded[static_cast<std::size_t>(item)];
        decode_image(one.bytes, one.name);
        finished[static_cast<std::size_t>(item)] = std::chrono::duration<double>(Clock::now() - start).count();
      },
      [&](std::int64_t items, std::int64_t) {
        if (progress) progress(total / 2 + stats.failed + items, total);
      });
  const double elapsed = *std::max_element(finished.begin(), finished.end());
  stats.images_per_second = static_cast<double>(stats.sampled) / std::max(elapsed, 1e-9);
  return stats;
}

CacheFit fit_cache(const DatasetStats& stats, double cache_bytes) {
  const auto images = static_cast<double>(stats.images);
  const double files = images * stats.file_bytes.mean, pixels = images * stats.decoded_bytes.mean;
  if (std::min(files, pixels) > cache_bytes) {
    const double kept = cache_bytes / std::min(files, pixels);
    return files <= pixels ? CacheFit{0, kept, 1 - kept} : CacheFit{kept, 0, 1 - kept};
  }
  const double decoded = pixels <= cache_bytes ? 1 : (cache_bytes - files) / (pixels - files);
  return {decoded, 1 - decoded, 0};
}

std::string stats_text(const DatasetStats& stats, const StatsQuestion& question) {
  const auto images = static_cast<double>(stats.images);
  std::string text = grouped_digits(stats.images) + " images, of which " + grouped_digits(stats.sampled) +
                     " were measured" +
                     (stats.failed ? " and " + grouped_digits(stats.failed) + " could not be decoded" : "") + "\n\n";
  text += text_columns({{"", "smallest", "5%", "median", "95%", "largest", "mean"},
                        spread_row("width", stats.width, 1, 0),
                        spread_row("height", stats.height, 1, 0),
                        spread_row("file KB", stats.file_bytes, 1e3, 1),
                        spread_row("decoded KB", stats.decoded_bytes, 1e3, 1)});
  std::string formats;
  for (const auto& [format, count] : stats.formats) {
    formats += (formats.empty() ? "" : ", ") + format + " " +
               percent(static_cast<double>(count) / static_cast<double>(stats.sampled));
  }
  text += "\nformats  " + formats + "\n";
  text += "in all   " + bytes_text(images * stats.file_bytes.mean) + " of files, " +
          bytes_text(images * stats.decoded_bytes.mean) + " decoded\n";
  text += "decoding " + number(stats.images_per_second_core, 0) + " images/s on one core, " +
          number(stats.images_per_second, 0) + " on " + std::to_string(stats.threads) + " thread(s)\n";
  const CacheFit fit = fit_cache(stats, question.cache_gb * 1e9);
  text += "a cache of " + bytes_text(question.cache_gb * 1e9) + " keeps " + percent(fit.decoded) +
          " of the images decoded, " + percent(fit.compressed) + " as files in memory; " + percent(fit.on_disk) +
          " stay on disk\n";
  if (question.images_per_second > 0) {
    text += "training on " + number(question.images_per_second, 0) + " images/s takes " +
            bytes_text(disk_bytes_per_second(stats, question)) + "/s from the disk and " +
            number(decoding_cores(stats, question), 2) + " cores to decode\n";
  }
  return text;
}

nlohmann::ordered_json to_json(const DatasetStats& stats, const StatsQuestion& question) {
  const CacheFit fit = fit_cache(stats, question.cache_gb * 1e9);
  nlohmann::ordered_json json{{"images", stats.images},
                              {"sampled", stats.sampled},
                              {"failed", stats.failed},
                              {"width", spread_json(stats.width)},
                              {"height", spread_json(stats.height)},
                              {"file_bytes", spread_json(stats.file_bytes)},
                              {"decoded_bytes", spread_json(stats.decoded_bytes)},
                              {"formats", stats.formats},
                              {"decode_images_per_second_core", stats.images_per_second_core},
                              {"decode_images_per_second", stats.images_per_second},
                              {"threads", stats.threads},
                              {"cache_gb", question.cache_gb},
                              {"cached_decoded", fit.decoded},
                              {"cached_compressed", fit.compressed},
                              {"on_disk", fit.on_disk}};
  if (question.images_per_second > 0) {
    json["images_per_second"] = question.images_per_second;
    json["disk_bytes_per_second"] = disk_bytes_per_second(stats, question);
    json["decoding_cores"] = decoding_cores(stats, question);
  }
  return json;
}

}  // namespace dgsam
