// A data set's images in device memory, and batches made of them there: the bits that data/'s loaders give.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "data/augment.h"
#include "data/image_cache.h"
#include "data/loader.h"
#include "engine/backend.h"

namespace dgsam {

/// The recipe of image `number` of a store: its augmentation, or, without, the evaluation transform.
ImageRecipe recipe_of(int number, const ImageSize& size, const std::optional<AugmentDraw>& draw);

class DeviceImages {
 public:
  /// Decodes every image of `cache` once, on `threads` threads, into a store of `backend`, which has one and must
  /// outlive this. `sizes` are cache.sizes(). Throws Error naming a file that cannot be decoded.
  DeviceImages(Backend& backend, const ImageCache& cache, std::vector<ImageSize> sizes, const TransformSpec& transform,
               int threads, const Progress& progress = {});

  /// What becomes of an element, with everything random drawn.
  ImageRecipe recipe(const BatchElement& element) const;
  /// As ImageStore::make(), for images of the transform's size and channels.
  void make(std::span<const ImageRecipe> recipes, Tensor images) { store_->make(recipes, images); }

  std::int64_t count() const { return std::ssize(sizes_); }
  /// Of all pixels.
  std::size_t bytes() const { return bytes_; }

 private:
  std::vector<ImageSize> sizes_;  ///< domain after domain
  std::vector<int> first_;        ///< per domain, the number of its first image
  std::size_t bytes_;
  std::unique_ptr<ImageStore> store_;
};

/// Bytes of the pixels of images of these sizes.
std::size_t pixel_bytes(std::span<const ImageSize> sizes);

}  // namespace dgsam
