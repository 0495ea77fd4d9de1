#include "tools/measure/predict.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <numeric>
#include <ostream>

#include "data/parallel.h"
#include "engine/core/check.h"

namespace dgsam {

namespace {

namespace fs = std::filesystem;

/// Folders replaced by the images below them.
std::vector<fs::path> image_paths(const std::vector<std::string>& arguments) {
  std::vector<fs::path> paths;
  for (const std::string& argument : arguments) {
    if (!fs::is_directory(argument)) {
      paths.emplace_back(argument);
      continue;
    }
    const auto first = static_cast<std::ptrdiff_t>(paths.size());
    for (const auto& entry : fs::recursive_directory_iterator(argument)) {
      const std::string name = entry.path().filename().string();
      if (entry.is_regular_file() && is_image_name(name) && name[0] != '.') paths.push_back(entry.path());
    }
    require(static_cast<std::ptrdiff_t>(paths.size()) > first, argument, ": there is no image in this folder");
    std::sort(paths.begin() + first, paths.end(),
              [](const fs::path& a, const fs::path& b) { return a.native() < b.native(); });
  }
  return paths;
}

/// The images that could be decoded, as a batch, and which of `paths` they are.
struct DecodedBatch {
  HostBatch batch;
  std::vector<std::size_t> of_path;
  std::vector<std::string> errors;  ///< per path; empty for those decoded
};

DecodedBatch decode(std::span<const fs::path> paths, const TransformSpec& transform, int threads) {
  DecodedBatch decoded;
  decoded.errors.resize(paths.size());
  const Normaliser normaliser(transform);
  std::vector<std::vector<float>> images(paths.size());
  parallel_items(static_cast<std::int64_t>(paths.size()), threads, [&](std::int64_t item) {
    const auto i = static_cast<std::size_t>(item);
    try {
      const Image image = decode_image(paths[i]);
      Image resized;
      images[i].resize(image_values(transform));
      normaliser.apply(resize_for_evaluation(image, transform.image_size, resized), images[i].data());
    } catch (const Error& error) {
      decoded.errors[i] = error.what();
    }
  });
  for (std::size_t i = 0; i < paths.size(); ++i) {
    if (!decoded.errors[i].empty()) continue;
    decoded.batch.images.insert(decoded.batch.images.end(), images[i].begin(), images[i].end());
    decoded.batch.labels.push_back(0);
    decoded.of_path.push_back(i);
  }
  return decoded;
}

struct Guess {
  int index;
  double probability;
};

/// The `top` largest softmax probabilities; the lower class index first on ties.
std::vector<Guess> best_guesses(std::span<const float> logits, int top) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  std::vector<Guess> guesses;
  double sum = 0;
  for (std::size_t k = 0; k < logits.size(); ++k) {
    guesses.push_back({static_cast<int>(k), std::exp(static_cast<double>(logits[k]) - largest)});
    sum += guesses.back().probability;
  }
  for (Guess& guess : guesses) guess.probability /= sum;
  std::stable_sort(guesses.begin(), guesses.end(),
                   [](const Guess& a, const Guess& b) { return a.probability > b.probability; });
  guesses.resize(std::min(guesses.size(), static_cast<std::size_t>(top)));
  return guesses;
}

void write_json(const fs::path& path, const std::vector<Guess>& guesses, const std::vector<std::string>& classes,
                std::ostream& out) {
  nlohmann::ordered_json line{{"path", path.string()}, {"top", nlohmann::ordered_json::array()}};
  for (const Guess& guess : guesses) {
    line["top"].push_back({{"class", classes[static_cast<std::size_t>(guess.index)]},
                           {"index", guess.index},
                           {"probability", guess.probability}});
  }
  // A path need not be UTF-8.
  out << line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << '\n';
}

void write_text(const fs::path& path, const std::vector<Guess>& guesses, const std::vector<std::string>& classes,
                std::ostream& out) {
  out << path.string() << '\n';
  for (const Guess& guess : guesses) {
    char percent[16];
    std::snprintf(percent, sizeof percent, "%6.2f%%", 100 * guess.probability);
    out << "  " << percent << "  " << classes[static_cast<std::size_t>(guess.index)] << '\n';
  }
}

}  // namespace

void predict(const PredictOptions& options, std::ostream& out, std::ostream& errors) {
  const Checkpoint checkpoint = read_checkpoint(options.checkpoint);
  const std::vector<fs::path> paths = image_paths(options.paths);
  NetworkPlace place = options.place;
  place.batch_size = std::min(place.batch_size, static_cast<int>(std::min<std::size_t>(paths.size(), 65535)));
  CheckpointNetwork network(checkpoint, place);
  const auto classes = static_cast<std::size_t>(network.classes());

  std::size_t unreadable = 0;
  std::span<const fs::path> rest(paths);
  while (!rest.empty()) {
    const auto part = rest.first(std::min(rest.size(), static_cast<std::size_t>(network.batch_size())));
    rest = rest.subspan(part.size());
    const DecodedBatch decoded = decode(part, checkpoint.transform(), place.threads);
    for (const std::string& error : decoded.errors) {
      if (error.empty()) continue;
      errors << "dgsam-run: " << error << '\n';
      ++unreadable;
    }
    if (decoded.of_path.empty()) continue;
    std::span<const float> rows = network.logits(decoded.batch);
    for (const std::size_t i : decoded.of_path) {
      (options.json ? write_json : write_text)(part[i], best_guesses(rows.first(classes), options.top),
                                               checkpoint.classes, out);
      rows = rows.subspan(classes);
    }
    out.flush();
  }
  require(out.good(), "the predictions cannot be written: is the disk full?");
  require(unreadable == 0, unreadable, " of ", paths.size(), " images could not be read");
}

}  // namespace dgsam
