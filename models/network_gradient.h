// NetworkGradient: where a method meets a network. It is the Gradient that optim/ asks for, made of a network's program
// and the batches of one step.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/backend.h"
#include "engine/graph/program.h"
#include "models/device_batch.h"
#include "models/network.h"
#include "optim/gradient.h"

namespace dgsam {

struct NetworkGradientOptions {
  int domains = 1;  ///< S
  /// false: the network takes one domain's b images. of_batch() is one run of it, and of_mean() S runs, added up: a
  ///        fraction of the memory.
  /// true:  it takes the S·b images of all domains. of_mean() is one run, for layers that look at the whole batch
  ///        (batch norm with batch statistics); of_batch() throws Error.
  bool domains_together = false;
  std::uint64_t seed = 0;  ///< of dropout, which the network reads from its counters
};

class NetworkGradient final : public Gradient {
 public:
  /// `network` was built with gradients. `statistics` are its running statistics, which a step may change. The backend
  /// and the statistics must outlive this object.
  NetworkGradient(Backend& backend, Network network, std::shared_ptr<Arena> arena, FlatVector& statistics,
                  const NetworkGradientOptions& options);

  /// The batch of `domain` for the next begin_step(), of batch_size() images.
  void stage(int domain, ImageBatch batch);
  /// Of all domains, in their order.
  void stage(std::span<const ImageBatch> batches);
  /// b, the images per domain.
  std::int64_t batch_size() const { return batches_.part_size(); }
  /// Device memory that a step's images, labels and counters take.
  std::size_t batches_bytes() const { return batches_.bytes() + counters_.bytes(); }

  /// As NetworkGradientOptions::domains_together.
  bool takes_domains_together() const { return options_.domains_together; }
  Program& program() { return program_; }
  const Graph& graph() const { return program_.graph(); }

  int domains() const override { return options_.domains; }
  /// Throws Error when a domain has no staged batch.
  void begin_step(std::int64_t step, std::span<const int> order) override;
  void of_batch(int j, const FlatVector& theta, FlatVector& g, Tensor loss) override;
  void of_mean(const FlatVector& theta, FlatVector& g, Tensor loss) override;

 private:
  /// The program's inputs for the step's next pass: `count` batches from batch `first` on.
  std::array<NamedInput, 3> next_inputs(int first, int count);
  int passes() const { return 2 * options_.domains; }

  Backend* backend_;
  FlatVector* statistics_;
  NetworkGradientOptions options_;
  Value loss_;
  Program program_;
  DeviceBatch batches_;  ///< part j is batch j of the step
  std::vector<ImageBatch> staged_;
  std::vector<std::int64_t> host_counters_;
  Buffer counters_;  ///< i64[kStepCounters] of each pass
  int pass_ = 0;     ///< of the step, the next one
  FlatVector part_;  ///< one batch's gradient, for a mean over several runs; made on first use
};

}  // namespace dgsam
