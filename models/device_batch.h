// DeviceBatch: images and their labels in device memory, as networks take them.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>

#include "engine/backend.h"
#include "engine/graph/program.h"

namespace dgsam {

/// n images with labels, on their way to a device. Pixels and labels stay as they are until they are loaded.
struct ImageBatch {
  const float* pixels = nullptr;  ///< f32 [n,H,W,C] dense in host memory; or null, and
  /// called with a tensor [n,H,W,C] of the activation type, dense, to queue the operations that write it.
  std::function<void(Tensor images)> make = nullptr;
  std::span<const std::int32_t> labels = {};  ///< n
};

/// The images that a network's graph takes, or those of one of `parts` equal parts of them. Throws Error when there are
/// no equal parts.
Type image_type(const Graph& graph, int parts = 1);

class DeviceBatch {
 public:
  /// How images come from the host.
  enum class Uploads : std::uint8_t {
    in_order,  ///< when everything queued before is done
    early,     ///< beside what was queued before (Backend::upload_early), for memory of their size in f32
  };

  /// `parts` batches, one behind the other, of images of type `part`, [b,H,W,C] dense. Each comes by itself. Everything
  /// is zero at first.
  DeviceBatch(Backend& backend, const Type& part, int parts = 1, Uploads uploads = Uploads::in_order);

  /// Queues what brings a batch of at most part_size() images into part `part`. Behind a shorter one, images and
  /// labels stay what they were.
  void load(const ImageBatch& batch, int part = 0);

  /// b, the images of a part.
  std::int64_t part_size() const { return part_.shape[0]; }
  /// Images [count·b,H,W,C] and labels i32[count·b] of `count` parts from part `first` on.
  Tensor images(int first, int count);
  Tensor labels(int first, int count);
  /// All parts as a network's inputs: "images", "labels", and "counters" that are zero.
  std::array<NamedInput, 3> inputs();
  /// Device memory that it takes.
  std::size_t bytes() const { return images_.bytes() + labels_.bytes() + counters_.bytes() + staging_.bytes(); }

 private:
  /// The first `count` images of a part, and where they arrive when they are not written directly: in f32.
  Tensor first_images(int part, std::int64_t count);
  Tensor staging(int part, std::int64_t count);

  Backend* backend_;
  Type part_;
  int parts_;
  Uploads uploads_;
  Buffer images_, labels_, counters_;
  Buffer staging_;  ///< of one part, where activations are not f32; of all, where uploads are early
};

}  // namespace dgsam
