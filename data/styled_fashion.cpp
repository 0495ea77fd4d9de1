#include "data/styled_fashion.h"

#include <array>
#include <cstdio>
#include <numeric>
#include <span>
#include <sstream>
#include <utility>

#include "data/fashion_styles.h"
#include "data/idx.h"
#include "data/image.h"
#include "data/recipe.h"
#include "engine/core/check.h"
#include "engine/core/rng.h"

namespace dgsam {
namespace {

namespace fs = std::filesystem;

constexpr int kGarmentPixels = 28 * 28;
constexpr int kRecipeVersion = 1;  // raise when the pixels change

struct Garments {
  std::vector<std::uint8_t> pixels;  // (count, 28, 28)
  std::vector<std::uint8_t> labels;  // (count)
};

/// Fashion-MNIST's training and test photographs one after another.
Garments read_garments(const fs::path& dir) {
  Garments garments;
  for (const std::string part : {"train", "t10k"}) {
    const auto find = [&](const std::string& name) {
      for (const fs::path& path : {dir / name, dir / (name + ".gz")}) {
        if (fs::exists(path)) return path;
      }
      fail((dir / name).string(),
           "[.gz]: no such file; install Debian's dataset-fashion-mnist or name the folder that "
           "holds Fashion-MNIST's four IDX files");
    };
    const IdxArray images = read_idx(find(part + "-images-idx3-ubyte"));
    const IdxArray labels = read_idx(find(part + "-labels-idx1-ubyte"));
    require(images.dims.size() == 3 && images.dims[1] == 28 && images.dims[2] == 28 && labels.dims.size() == 1 &&
                labels.dims[0] == images.dims[0],
            dir.string(), ": the ", part, " files do not hold 28 x 28 images with one label each");
    garments.pixels.insert(garments.pixels.end(), images.values.begin(), images.values.end());
    garments.labels.insert(garments.labels.end(), labels.values.begin(), labels.values.end());
  }
  for (const std::uint8_t label : garments.labels)
    require(label < fashion_classes().size(), dir.string(), ": has a label ", int{label}, "; expected 0 to 9");
  return garments;
}

std::vector<int> permutation(std::uint64_t seed, std::size_t count) {
  std::vector<int> order(count);
  std::iota(order.begin(), order.end(), 0);
  RandomStream random(seed, "styled-fashion sources");
  for (std::size_t last = count; last-- > 1;) std::swap(order[last], order[random.below(last + 1)]);
  return order;
}

/// A run of consecutive sources that share one folder and style.
struct Series {
  fs::path folder;
  FashionStyle style;
  int images;
};

std::string recipe_text(const StyledFashionOptions& options) {
  std::ostringstream text;
  text << "{\n  \"recipe\": \"styled-fashion\",\n  \"version\": " << kRecipeVersion
       << ",\n  \"images_per_domain\": " << options.images_per_domain << ",\n  \"upstream\": " << options.upstream
       << ",\n  \"image_size\": " << options.image_size << ",\n  \"seed\": " << options.seed << "\n}\n";
  return text.str();
}

void check_options(const StyledFashionOptions& options) {
  require(options.images_per_domain > 0, "images per domain: ", options.images_per_domain, "; it must be positive");
  require(options.upstream >= 0, "upstream images: ", options.upstream, "; it must be 0 or more");
  require(options.image_size >= 28 && options.image_size <= 1024, "image size: ", options.image_size,
          "; it must be 28 to 1024 pixels");
}

void write_series(const fs::path& out, const StyledFashionOptions& options, const std::vector<Series>& series,
                  const Progress& progress) {
  const Garments garments = read_garments(options.idx_dir);
  const auto available = static_cast<std::int64_t>(garments.labels.size());
  const std::int64_t wanted = std::int64_t{4} * options.images_per_domain + options.upstream;
  require(wanted <= available, "4 x ", options.images_per_domain, " images and ", options.upstream, " upstream need ",
          wanted, " different photographs; ", options.idx_dir.string(), " has ", available);

  const std::vector<int> order = permutation(options.seed, garments.labels.size());
  std::vector<const Series*> series_of;
  for (const Series& one : series) {
    for (const std::string& name : fashion_classes()) fs::create_directories(out / one.folder / name);
    series_of.insert(series_of.end(), static_cast<std::size_t>(one.images), &one);
  }
  parallel_items(
      wanted, options.threads,
      [&](std::int64_t item) {
        const int source = order[static_cast<std::size_t>(item)];
        const Series& one = *series_of[static_cast<std::size_t>(item)];
        const auto pixels = std::span(garments.pixels).subspan(std::size_t{kGarmentPixels} * source, kGarmentPixels);
        RandomStream random(options.seed, "styled-fashion style", static_cast<std::uint64_t>(source));
        char name[16];
        std::snprintf(name, sizeof name, "%05d.png", source);
        write_png(out / one.folder / fashion_classes()[garments.labels[source]] / name,
                  paint_garment(pixels, one.style, options.image_size, random));
      },
      progress);
}

}  // namespace

const std::vector<std::string>& fashion_classes() {
  static const std::vector<std::string> names = {"tshirt", "trouser", "pullover", "dress", "coat",
                                                 "sandal", "shirt",   "sneaker",  "bag",   "ankle_boot"};
  return names;
}

StyledFashion make_styled_fashion(const fs::path& out, const StyledFashionOptions& options, const Progress& progress) {
  check_options(options);
  StyledFashion made{.root = out / "styled_fashion", .upstream = out / "upstream", .already_there = false};
  std::vector<Series> series = {{"styled_fashion/cartoon", FashionStyle::kCartoon, options.images_per_domain},
                                {"styled_fashion/painting", FashionStyle::kPainting, options.images_per_domain},
                                {"styled_fashion/photo", FashionStyle::kPhoto, options.images_per_domain},
                                {"styled_fashion/sketch", FashionStyle::kSketch, options.images_per_domain}};
  if (options.upstream > 0) series.push_back({"upstream/plain", FashionStyle::kPlain, options.upstream});
  made.already_there =
      !make_by_recipe(out, recipe_text(options), [&] { write_series(out, options, series, progress); });
  return made;
}

}  // namespace dgsam
