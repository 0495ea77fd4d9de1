#include "tools/batches/run_images.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "engine/core/check.h"

namespace dgsam {
namespace {

std::string gigabytes(std::size_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f GB", static_cast<double>(bytes) / 1e9);
  return text;
}

}  // namespace

RunImages::RunImages(const ImageFolder& folder, const TransformSpec& transform, const RunImagesOptions& options)
    : transform_(transform),
      options_(options),
      cache_(folder, transform.augment ? 0 : transform.image_size, options.cache == "none" ? 0 : options.ram_bytes) {
  const std::string& cache = options.cache;
  require(cache == "gpu" || cache == "ram" || cache == "none" || cache == "auto", "--cache ", cache,
          ": must be gpu, ram, none or auto");
}

void RunImages::fill(Backend& backend, std::size_t reserved, const Progress& progress) {
  if (!fill_device(backend, reserved, progress)) cache_.fill(options_.threads, progress);
}

bool RunImages::fill_device(Backend& backend, std::size_t reserved, const Progress& progress) {
  const bool must = options_.cache == "gpu";
  if (!must && options_.cache != "auto") return false;
  const std::size_t all_free = backend.free_bytes(), free = all_free - std::min(all_free, reserved);
  const bool is_device = all_free != Backend::kUnknownBytes;
  require(is_device || !must, "--cache gpu: ", backend.name(),
          " has no memory of its own to keep images in; use --cache ram, or --device cuda");
  if (!is_device) return false;
  std::vector<ImageSize> sizes = cache_.sizes(options_.threads);
  const std::size_t bytes = pixel_bytes(sizes), most = must ? free : free / 5 * 4;
  if (bytes > most) {
    const std::string what = "the decoded images take " + gigabytes(bytes) + ", and " + gigabytes(free) +
                             " of device memory are free beside the network";
    require(!must, "--cache gpu: ", what, "; use --cache ram");
    note_ = what + ", of which four fifths are used: they are kept in host memory";
    return false;
  }
  device_ = std::make_unique<DeviceImages>(backend, cache_, std::move(sizes), transform_, options_.threads, progress);
  return true;
}

std::string RunImages::text() const {
  if (!device_) return cache_.contents().text();
  return std::to_string(device_->count()) + " images decoded in device memory (" + gigabytes(device_->bytes()) + ")";
}

}  // namespace dgsam
