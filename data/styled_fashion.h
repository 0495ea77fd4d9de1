// The demo's data set: real photographs of garments (Fashion-MNIST) in four styles, in the shape of PACS.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/parallel.h"

namespace dgsam {

struct StyledFashionOptions {
  int images_per_domain = 3000;
  int upstream = 30000;  // plain images for pretraining; 0: none
  int image_size = 32;   // pixels; 28 or more
  std::uint64_t seed = 0;
  std::filesystem::path idx_dir = "/usr/share/datasets/fashion-mnist";  // Debian package dataset-fashion-mnist
  int threads = 0;                                                      // 0: one per core
};

struct StyledFashion {
  std::filesystem::path root;      // <out>/styled_fashion: the four domains, for open_image_folder
  std::filesystem::path upstream;  // <out>/upstream: one domain "plain" with the same classes
  bool already_there = false;      // an identical recipe had been made before; nothing was written
};

/// The ten class names, by Fashion-MNIST label.
const std::vector<std::string>& fashion_classes();

/// Writes <out>/styled_fashion/{cartoon,painting,photo,sketch}/<class>/<source>.png, <out>/upstream/plain/<class>/
/// <source>.png and, last, <out>/recipe.json. No photograph is used twice. The pixels are a function of the options
/// (threads excepted). An interrupted run with the same options is completed.
/// Throws Error when the photographs are missing or too few, or when <out> holds anything but the same recipe.
StyledFashion make_styled_fashion(const std::filesystem::path& out, const StyledFashionOptions& options,
                                  const Progress& progress = {});

}  // namespace dgsam
