// Decoded images in memory, shared by training and evaluation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "data/image.h"
#include "data/image_folder.h"
#include "data/parallel.h"

namespace dgsam {

/// The images of a folder as 8-bit RGB, decoded once as far as a budget reaches and on demand beyond it.
class ImageCache {
 public:
  /// Keeps a reference to `folder`, which must outlive the cache. `resize_to` 0 keeps images at their own size, as the
  /// training augmentation needs; otherwise they are kept resized to resize_to x resize_to (evaluation transform).
  /// `budget_bytes` bounds the pixels kept. Decodes nothing yet.
  ImageCache(const ImageFolder& folder, int resize_to, std::size_t budget_bytes);

  /// Decodes images, domain by domain, on `threads` threads (0: one per core) until all are in or the budget is spent.
  /// Not needed for correctness. Must not run at the same time as get(). Throws Error naming an undecodable file.
  void fill(int threads, const Progress& progress = {});

  /// The image, from memory or decoded into `scratch`. Valid until `scratch` changes. Any number of threads may call
  /// it.
  const Image& get(int domain, int index, Image& scratch) const;

  const ImageFolder& folder() const { return folder_; }
  int resize_to() const { return resize_to_; }
  int label(int domain, int index) const { return folder_.domains[domain].samples[index].label; }
  std::int64_t cached_images() const { return cached_images_; }
  std::int64_t total_images() const;
  std::size_t cached_bytes() const { return cached_bytes_; }

 private:
  Image load(int domain, int index) const;

  const ImageFolder& folder_;
  int resize_to_;
  std::size_t budget_bytes_;
  std::vector<std::vector<Image>> images_;  // [domain][index]; empty: not in memory
  std::int64_t cached_images_ = 0;
  std::size_t cached_bytes_ = 0;
};

}  // namespace dgsam
