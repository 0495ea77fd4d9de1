// Where the images of a run are kept: in device memory, in host memory, or nowhere. What a run computes does not depend
// on it, not by a bit.
#pragma once

#include <memory>
#include <string>

#include "tools/batches/device_images.h"

namespace dgsam {

struct RunImagesOptions {
  /// gpu   decoded in device memory
  /// ram   in host memory, as ImageCache says
  /// none  read and decoded at each use
  /// auto  gpu where the backend has memory of its own, and they take four fifths of what is free of it at most
  std::string cache = "auto";
  std::size_t ram_bytes = 0;  ///< for ram
  int threads = 1;            ///< that read and decode
};

class RunImages {
 public:
  /// `folder` must outlive this.
  RunImages(const ImageFolder& folder, const TransformSpec& transform, const RunImagesOptions& options);

  /// Reads what is to be kept, once. `backend` must outlive this; `reserved` are bytes of its memory that are spoken
  /// for but not taken yet. Throws Error when `gpu` cannot be had: no such memory, or too little of it.
  void fill(Backend& backend, std::size_t reserved = 0, const Progress& progress = {});

  /// The images on the host: all of them, kept or not.
  const ImageCache& cache() const { return cache_; }
  /// Null unless they are in device memory.
  DeviceImages* device() const { return device_.get(); }
  const TransformSpec& transform() const { return transform_; }
  int threads() const { return options_.threads; }
  /// "9991 images decoded in device memory (1.54 GB)", or ImageCache's.
  std::string text() const;
  /// Why `auto` did not take the device; empty where there is nothing to say.
  const std::string& note() const { return note_; }

 private:
  bool fill_device(Backend& backend, std::size_t reserved, const Progress& progress);

  TransformSpec transform_;
  RunImagesOptions options_;
  ImageCache cache_;
  std::unique_ptr<DeviceImages> device_;
  std::string note_;
};

}  // namespace dgsam
