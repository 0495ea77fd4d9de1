// The threads behind every stream of batches: work ahead in parallel, deliver in order.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "data/transform.h"

namespace dgsam {

/// Prepares step 0, 1, 2, ... in a ring of slots. Each step is a number of items that any worker may fill; what
/// `fill` writes must depend on (step, item) only, and then so does the stream.
class Prefetcher {
 public:
  using Slot = std::vector<HostBatch>;
  /// Gives the slot its sizes and returns the number of items of this step; 0 ends the stream. Calls are in step order.
  using Open = std::function<int(std::int64_t step, Slot& slot)>;
  /// Writes one item. Called by several threads at once, for different items.
  using Fill = std::function<void(std::int64_t step, int item, Slot& slot)>;

  Prefetcher(Open open, Fill fill, int threads, int steps_ahead);
  /// Drops what is prepared and joins the workers.
  ~Prefetcher();

  /// Swaps `slot` for the next step's; false at the end. Rethrows the first exception of a worker.
  bool next(Slot& slot);

 private:
  struct Stage {
    Slot slot;
    int unfinished = 0;
  };

  void work();
  /// Makes opened_ a step that has untaken items; false when the ring is full or the stream has ended. Under mutex_.
  bool has_item();
  Stage& stage(std::int64_t step) { return ring_[static_cast<std::size_t>(step) % ring_.size()]; }

  Open open_;
  Fill fill_;
  std::mutex mutex_;
  std::condition_variable space_, ready_;
  std::vector<Stage> ring_;
  std::int64_t opened_ = 0;    // steps opened so far; items are taken from the last one
  std::int64_t consumed_ = 0;  // steps delivered
  int items_ = 0, taken_ = 0;  // of step opened_ - 1
  bool ended_ = false, stop_ = false;
  std::exception_ptr error_;
  std::vector<std::jthread> workers_;
};

}  // namespace dgsam
