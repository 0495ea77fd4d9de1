// CudaKernelBackend: every operation as a hand-written kernel, for f32, f64 and bf16, dense layouts only.
//
// It needs CUDA's runtime and no other library. Its convolutions and matrix products are plain loops, there for the
// types and shapes that no library takes; a backend that has libraries overrides them. Kernels go to one stream, or to
// a second one beside it, and early uploads to a third (asynchrony.cpp).
// Sums are cut into chunks by shape alone and added in order, without atomics: same inputs, same bits.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "engine/backend.h"
#include "engine/cuda/device.h"

namespace dgsam {

class CudaKernelBackend : public Backend {
 public:
  /// Throws Error when there is no usable GPU.
  CudaKernelBackend();

  /// Bytes in live allocations, scratch memory included.
  std::size_t bytes_allocated() const { return bytes_allocated_; }
  /// Calls of allocate() so far, growth of the scratch memory included.
  std::int64_t allocations() const { return allocations_; }

  void* allocate(std::size_t bytes) override;
  void deallocate(void* address, std::size_t bytes) noexcept override;
  std::size_t free_bytes() const override;

  std::string name() const override;
  Layout preferred_layout(DType dtype) const override;
  void upload(Tensor to, const void* host) override;
  void download(void* host, ConstTensor from) override;
  void synchronize() override;
  bool is_asynchronous() const override { return true; }
  std::unique_ptr<Recording> record(const std::function<void()>& work) override;
  void upload_early(Tensor to, const void* host) override;
  void release_early_uploads() override;
  void begin_side() override;
  void end_side() override;
  void join_side() override;
  std::unique_ptr<ReadBack> make_read_back(std::size_t bytes) override;
  std::unique_ptr<ImageStore> make_image_store(const ImageStoreSpec& spec) override;
  /// Calls of deallocate() so far.
  std::int64_t deallocations() const { return deallocations_; }

#define OPERATION(name, parameters, ...) void name parameters override;
#define OPERATION_WITH_DEFAULT(name, parameters, ...)
#include "engine/operations.def"

 protected:
  const DeviceInfo& device() const { return info_; }
  /// Where the next kernel goes.
  const Queue& queue() {
    launch_folds();
    return queue_;
  }
  /// At least `bytes` of device memory for the kernels that follow, until the next call; it grows and is not given back
  /// before that. Its contents are undefined. Work on the side has its own.
  void* scratch(std::size_t bytes);
  /// What it is now, of the main stream and of the side stream.
  std::pair<std::size_t, std::size_t> scratch_bytes() const { return {scratch_.bytes(), side_scratch_.bytes()}; }

 private:
  /// A call of fold_batch_norm() or fold_batch_norm_grad() that waits for company: those of all layers, called one
  /// after the other, are one launch (fold_batch_norm.cu). Every other operation launches them first.
  struct PendingFold {
    bool is_gradient;
    std::array<ConstTensor, 6> in;
    std::array<Tensor, 3> out;
    double eps;
  };
  void launch_fold_later(const PendingFold& fold);
  void launch_folds();
  template <class S, class T>
  void launch_folds_as();

  const Stream& stream() {
    launch_folds();
    return on_side_ ? side_stream_ : stream_;
  }
  void switch_to(bool side);
  /// out = the sum of x·y, or its root.
  void sum_products(const char* op, ConstTensor x, ConstTensor y, bool root, Tensor out);
  class PinnedReadBack;
  class DeviceImageStore;

  DeviceInfo info_;
  Stream stream_, side_stream_, copy_stream_;
  Event side_begun_, side_ended_, early_sent_, early_released_;
  bool on_side_ = false;       ///< between begin_side() and end_side()
  bool side_is_open_ = false;  ///< until join_side()
  Queue queue_;
  std::vector<PendingFold> folds_;
  Staging staging_, early_staging_;
  std::size_t bytes_allocated_ = 0;
  std::int64_t allocations_ = 0, deallocations_ = 0;
  Buffer scratch_, side_scratch_;
};

}  // namespace dgsam
