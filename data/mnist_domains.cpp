#include "data/mnist_domains.h"

#include <zlib.h>

#include <array>
#include <cstdio>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "data/idx.h"
#include "data/image.h"
#include "data/recipe.h"
#include "engine/core/check.h"

namespace dgsam {
namespace {

namespace fs = std::filesystem;

constexpr int kRecipeVersion = 1;  // raise when the pixels change

struct Digits {
  int width = 0, height = 0;
  std::vector<std::uint8_t> pixels;  // (count, height, width)
  std::vector<std::uint8_t> labels;  // (count)

  int count() const { return static_cast<int>(labels.size()); }
  std::span<const std::uint8_t> image(int index) const {
    const std::size_t size = static_cast<std::size_t>(width) * height;
    return std::span(pixels).subspan(size * static_cast<std::size_t>(index), size);
  }
};

Digits read_digits(const MnistDomainsOptions& options) {
  require(!options.images.empty() && options.images.size() == options.labels.size(), "--images names ",
          options.images.size(), " file(s) and --labels ", options.labels.size(), "; each needs its other");
  Digits digits;
  for (std::size_t i = 0; i < options.images.size(); ++i) {
    const std::string images_name = options.images[i].string(), labels_name = options.labels[i].string();
    const IdxArray images = read_idx(options.images[i]), labels = read_idx(options.labels[i]);
    require(images.dims.size() == 3, images_name, ": holds an array of ", images.dims.size(),
            " dimensions; images have 3 (count, rows, columns)");
    require(labels.dims.size() == 1 && labels.dims[0] == images.dims[0], labels_name,
            ": does not hold one label for each of the ", images.dims[0], " images of ", images_name);
    require(i == 0 || (images.dims[1] == digits.height && images.dims[2] == digits.width), images_name, ": holds ",
            images.dims[1], " x ", images.dims[2], " images, the files before it ", digits.height, " x ", digits.width);
    for (const std::uint8_t label : labels.values)
      require(label <= 9, labels_name, ": has a label ", int{label}, "; expected 0 to 9");
    digits.height = images.dims[1];
    digits.width = images.dims[2];
    digits.pixels.insert(digits.pixels.end(), images.values.begin(), images.values.end());
    digits.labels.insert(digits.labels.end(), labels.values.begin(), labels.values.end());
  }
  return digits;
}

std::uint32_t crc(const std::vector<std::uint8_t>& bytes) {
  return static_cast<std::uint32_t>(crc32_z(0, bytes.data(), bytes.size()));
}

/// Names what determines the images: the options and the digits themselves, not where they lay.
nlohmann::ordered_json recipe(const std::string& name, const Digits& digits, std::uint64_t seed) {
  return {{"recipe", name},
          {"version", kRecipeVersion},
          {"images", digits.count()},
          {"images_crc32", crc(digits.pixels)},
          {"labels_crc32", crc(digits.labels)},
          {"seed", seed}};
}

/// One file to be written.
struct Target {
  std::string folder;  // domain/class
  int position = 0;    // in the environment
  int source = 0;
  int variant = 0;  // what `paint` needs to know besides
};

using Paint = std::function<void(const Target&, std::span<const std::uint8_t> grey, Image&)>;

void write_targets(const fs::path& root, const Digits& digits, const std::vector<Target>& targets, const Paint& paint,
                   int threads, const Progress& progress) {
  for (const Target& target : targets) fs::create_directories(root / target.folder);
  parallel_items(
      static_cast<std::int64_t>(targets.size()), threads,
      [&](std::int64_t item) {
        const Target& target = targets[static_cast<std::size_t>(item)];
        Image image(digits.width, digits.height);
        paint(target, digits.image(target.source), image);
        char name[16];
        std::snprintf(name, sizeof name, "%05d.png", target.position);
        write_png(root / target.folder / name, image);
      },
      progress);
}

}  // namespace

std::vector<std::vector<int>> deal_environments(int count, int environments, TorchRandom& random) {
  require(environments > 0 && count >= environments, count, " images cannot be dealt to ", environments,
          " environments");
  const std::vector<int> order = random.permutation(count);
  std::vector<std::vector<int>> dealt(static_cast<std::size_t>(environments));
  for (std::size_t i = 0; i < order.size(); ++i) dealt[i % dealt.size()].push_back(order[i]);
  return dealt;
}

std::vector<ColoredDigit> color_digits(const std::vector<int>& sources, std::span<const std::uint8_t> labels,
                                       float color_flip, TorchRandom& random) {
  std::vector<ColoredDigit> digits;
  digits.reserve(sources.size());
  for (const int source : sources) {
    const int low = labels[static_cast<std::size_t>(source)] < 5;
    digits.push_back({source, low ^ (random.uniform() < 0.25f), 0});
  }
  for (ColoredDigit& digit : digits) digit.color = digit.label ^ (random.uniform() < color_flip);
  return digits;
}

MnistDomains make_rotated_mnist(const fs::path& out, const MnistDomainsOptions& options, const Progress& progress) {
  static constexpr std::array<int, 6> kDegrees = {0, 15, 30, 45, 60, 75};
  const Digits digits = read_digits(options);
  nlohmann::ordered_json what = recipe("rotated-mnist", digits, options.seed);
  what["interpolation"] = options.interpolation == Interpolation::kBicubic ? "bicubic" : "bilinear";

  MnistDomains made{.root = out / "rotated_mnist", .already_there = false};
  made.already_there = !make_by_recipe(made.root, what.dump(2) + "\n", [&] {
    TorchRandom random(options.seed);
    const std::vector<std::vector<int>> dealt =
        deal_environments(digits.count(), static_cast<int>(kDegrees.size()), random);
    std::vector<Target> targets;
    for (std::size_t e = 0; e < kDegrees.size(); ++e) {
      const std::string domain = kDegrees[e] == 0 ? "00" : std::to_string(kDegrees[e]);
      int position = 0;
      for (const int source : dealt[e]) {
        const std::string label = std::to_string(digits.labels[static_cast<std::size_t>(source)]);
        targets.push_back({domain + "/" + label, position++, source, kDegrees[e]});
      }
    }
    const auto paint = [&](const Target& target, std::span<const std::uint8_t> grey, Image& image) {
      const std::vector<std::uint8_t> rotated =
          rotate_grey(grey, image.width, image.height, target.variant, options.interpolation);
      for (std::size_t i = 0; i < image.rgb.size(); ++i) image.rgb[i] = rotated[i / 3];
    };
    write_targets(made.root, digits, targets, paint, options.threads, progress);
  });
  return made;
}

MnistDomains make_colored_mnist(const fs::path& out, const MnistDomainsOptions& options, const Progress& progress) {
  struct Environment {
    const char* name;
    float color_flip;
  };
  static constexpr std::array<Environment, 3> kEnvironments = {
      {{"0_plus90", 0.1f}, {"1_plus80", 0.2f}, {"2_minus90", 0.9f}}};
  const Digits digits = read_digits(options);

  MnistDomains made{.root = out / "colored_mnist", .already_there = false};
  const std::string what = recipe("colored-mnist", digits, options.seed).dump(2) + "\n";
  made.already_there = !make_by_recipe(made.root, what, [&] {
    TorchRandom random(options.seed);
    const std::vector<std::vector<int>> dealt =
        deal_environments(digits.count(), static_cast<int>(kEnvironments.size()), random);
    std::vector<Target> targets;
    for (std::size_t e = 0; e < kEnvironments.size(); ++e) {
      int position = 0;
      for (const ColoredDigit& digit : color_digits(dealt[e], digits.labels, kEnvironments[e].color_flip, random)) {
        const std::string folder = std::string(kEnvironments[e].name) + "/" + std::to_string(digit.label);
        targets.push_back({folder, position++, digit.source, digit.color});
      }
    }
    const auto paint = [](const Target& target, std::span<const std::uint8_t> grey, Image& image) {
      for (std::size_t i = 0; i < grey.size(); ++i)
        image.rgb[3 * i + static_cast<std::size_t>(target.variant)] = grey[i];
    };
    write_targets(made.root, digits, targets, paint, options.threads, progress);
  });
  return made;
}

}  // namespace dgsam
