// ProgramGradient: the Gradient of a network, from recorded programs and the batches of one step.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "engine/backend.h"
#include "engine/graph/program.h"
#include "optim/gradient.h"

namespace dgsam {

/// A program that writes dL/dθ, and the value that holds L (kept, a scalar). Its graph's inputs are, in this order,
/// images [N,H,W,C] dense of the activation type, labels i32[N], counters i64[kStepCounters].
struct LossProgram {
  Program* program = nullptr;
  Value loss;
};

class ProgramGradient : public Gradient {
 public:
  /// `batch` is built for one domain's b images, `all` for the S·b images of all domains; either may be absent.
  ///   of_batch  runs `batch`, and throws Error without it.
  ///   of_mean   is one run of `all` where it is given, else S runs of `batch`, added up: the same gradient in a
  ///             fraction of the memory, unless layers look at the whole batch (batch norm with batch statistics).
  /// `statistics` are the network's buffers, or null. `seed` goes to the counters. All must outlive this object.
  ProgramGradient(Backend& backend, const LossProgram& batch, const LossProgram& all, const FlatVector* statistics,
                  int domains, std::uint64_t seed);

  /// The batch of `domain` for the next begin_step(): images f32 [b,H,W,C] dense, labels i32[b], in host memory that
  /// stays as it is until begin_step() returns.
  void stage(int domain, const float* images, const std::int32_t* labels);
  /// The same for images that are made on the device: begin_step() calls `images` with a tensor [b,H,W,C] of the
  /// activation type, dense, and it queues the operations that write it.
  using ImageMaker = std::function<void(const Tensor& images)>;
  void stage(int domain, ImageMaker images, const std::int32_t* labels);
  /// b, the images per domain.
  std::int64_t batch_size() const { return batch_size_; }
  /// Device memory that a step's images, labels and counters take.
  std::size_t batches_bytes() const { return images_.bytes() + labels_.bytes() + counters_.bytes() + upload_.bytes(); }

  int domains() const override { return domains_; }
  /// Throws Error when a domain has no staged batch.
  void begin_step(std::int64_t step, std::span<const int> order) override;
  void of_batch(int j, const FlatVector& theta, const FlatVector& g, const Tensor& loss) override;
  void of_mean(const FlatVector& theta, const FlatVector& g, const Tensor& loss) override;

 private:
  struct Staged {
    const float* images = nullptr;  ///< or
    ImageMaker make;
    const std::int32_t* labels = nullptr;
  };

  /// Images of batch j, converted if need be.
  void upload_images(int j, const float* host);
  /// Images and labels of `count` batches from batch `first` on; they are contiguous.
  Tensor images(int first, int count) const;
  Tensor labels(int first, int count) const;
  /// Runs the program from batch `first` on as the step's next pass, and returns its loss.
  Tensor run(const LossProgram& loss_program, int first, const FlatVector& theta, const FlatVector& g);

  Backend* backend_;
  LossProgram batch_, all_;
  const FlatVector* statistics_;
  int domains_;
  std::uint64_t seed_;
  std::int64_t batch_size_ = 0;
  Type image_type_;  ///< of one domain's batch
  std::vector<Staged> staged_;
  std::vector<std::int64_t> host_counters_;
  Buffer images_, labels_, counters_;
  Buffer upload_;    ///< batches in f32 on their way: one, when activations have another type; all, when they arrive
                     ///< while the device works on the step before
  FlatVector part_;  ///< one batch's gradient, for a mean over several runs; made on first use
  int pass_ = 0;
};

}  // namespace dgsam
