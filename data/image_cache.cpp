#include "data/image_cache.h"

#include <mutex>
#include <numeric>
#include <utility>

#include "data/resize.h"
#include "engine/core/check.h"

namespace dgsam {

ImageCache::ImageCache(const ImageFolder& folder, int resize_to, std::size_t budget_bytes)
    : folder_(folder), resize_to_(resize_to), budget_bytes_(budget_bytes), images_(folder.domains.size()) {
  require(resize_to >= 0, "the image size is ", resize_to, "; it must be positive");
  for (std::size_t d = 0; d < images_.size(); ++d) images_[d].resize(folder.domains[d].samples.size());
}

std::int64_t ImageCache::total_images() const {
  return std::accumulate(images_.begin(), images_.end(), std::int64_t{0},
                         [](std::int64_t sum, const auto& domain) { return sum + std::ssize(domain); });
}

void ImageCache::fill(int threads, const Progress& progress) {
  std::vector<std::pair<int, int>> missing;
  for (int d = 0; d < static_cast<int>(images_.size()); ++d) {
    for (int i = 0; i < static_cast<int>(images_[d].size()); ++i) {
      if (images_[d][i].empty()) missing.emplace_back(d, i);
    }
  }
  std::mutex mutex;
  bool full = false;
  parallel_items(
      std::ssize(missing), threads,
      [&](std::int64_t item) {
        {
          const std::lock_guard lock(mutex);
          if (full) return;
        }
        const auto [domain, index] = missing[static_cast<std::size_t>(item)];
        Image image = load(domain, index);
        const std::lock_guard lock(mutex);
        full = full || cached_bytes_ + image.rgb.size() > budget_bytes_;
        if (full) return;
        cached_bytes_ += image.rgb.size();
        ++cached_images_;
        images_[domain][index] = std::move(image);
      },
      progress);
}

const Image& ImageCache::get(int domain, int index, Image& scratch) const {
  const Image& kept = images_[domain][index];
  if (!kept.empty()) return kept;
  scratch = load(domain, index);
  return scratch;
}

Image ImageCache::load(int domain, int index) const {
  Image image = decode_image(folder_.domains[domain].samples[index].path);
  if (resize_to_ == 0 || (image.width == resize_to_ && image.height == resize_to_)) return image;
  return resize_bilinear(image, resize_to_, resize_to_);
}

}  // namespace dgsam
