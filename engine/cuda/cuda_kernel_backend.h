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
  void upload(const Tensor& to, const void* host) override;
  void download(void* host, const Tensor& from) override;
  void copy(const Tensor& from, const Tensor& to) override;
  void zero(const Tensor& x) override;
  void synchronize() override;
  bool is_asynchronous() const override { return true; }
  std::unique_ptr<Recording> record(const std::function<void()>& work) override;
  void upload_early(const Tensor& to, const void* host) override;
  void release_early_uploads() override;
  void begin_side() override;
  void end_side() override;
  void join_side() override;
  std::unique_ptr<ReadBack> make_read_back(std::size_t bytes) override;
  std::unique_ptr<ImageStore> make_image_store(const ImageStoreSpec& spec) override;
  /// Calls of deallocate() so far.
  std::int64_t deallocations() const { return deallocations_; }

  void conv2d(const Tensor& x, const Tensor& w, const Tensor& b, const Tensor& z, const Tensor& y,
              const Conv2dSpec& spec) override;
  void conv2d_data_grad(const Tensor& dy, const Tensor& w, const Tensor& dx, const Conv2dSpec& spec) override;
  void conv2d_weight_grad(const Tensor& x, const Tensor& dy, const Tensor& dw, const Conv2dSpec& spec) override;
  void bias_relu_grad(const Tensor& dy, const Tensor& dy2, const Tensor& y, const Tensor& dz,
                      const Tensor& db) override;

  void linear(const Tensor& x, const Tensor& w, const Tensor& b, const Tensor& y) override;
  void linear_data_grad(const Tensor& dy, const Tensor& w, const Tensor& dx) override;
  void linear_weight_grad(const Tensor& x, const Tensor& dy, const Tensor& dw) override;

  void fold_batch_norm(const Tensor& w, const Tensor& gamma, const Tensor& beta, const Tensor& mean, const Tensor& var,
                       double eps, const Tensor& folded_w, const Tensor& folded_b) override;
  void fold_batch_norm_grad(const Tensor& w, const Tensor& gamma, const Tensor& mean, const Tensor& var, double eps,
                            const Tensor& dfw, const Tensor& dfb, const Tensor& dw, const Tensor& dgamma,
                            const Tensor& dbeta) override;
  void batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& running_mean,
                  const Tensor& running_var, const Tensor& counters, const Tensor& y, const Tensor& mean,
                  const Tensor& invstd, const BatchNormSpec& spec) override;
  void batch_norm_grad(const Tensor& x, const Tensor& gamma, const Tensor& mean, const Tensor& invstd, const Tensor& dy,
                       const Tensor& dx, const Tensor& dgamma, const Tensor& dbeta) override;
  void group_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& y, const Tensor& mean,
                  const Tensor& invstd, int groups, double eps) override;
  void group_norm_grad(const Tensor& x, const Tensor& gamma, const Tensor& mean, const Tensor& invstd, const Tensor& dy,
                       const Tensor& dx, const Tensor& dgamma, const Tensor& dbeta, int groups) override;

  void relu(const Tensor& x, const Tensor& y) override;
  void add(const Tensor& a, const Tensor& b, const Tensor& y) override;
  void cast(const Tensor& x, const Tensor& y) override;
  void max_pool(const Tensor& x, const Tensor& y, const Tensor& winner, const PoolSpec& spec) override;
  void max_pool_grad(const Tensor& dy, const Tensor& winner, const Tensor& dx, const PoolSpec& spec) override;
  void global_avg_pool(const Tensor& x, const Tensor& y) override;
  void global_avg_pool_grad(const Tensor& dy, const Tensor& dx) override;
  void dropout(const Tensor& x, const Tensor& counters, const Tensor& y, const DropoutSpec& spec) override;

  void softmax_cross_entropy(const Tensor& x, const Tensor& labels, const Tensor& loss,
                             const Tensor& probabilities) override;
  void softmax_cross_entropy_grad(const Tensor& dloss, const Tensor& probabilities, const Tensor& labels,
                                  const Tensor& dx) override;
  void fill(const Tensor& x, double value) override;

  void norm(const Tensor& x, const Tensor& out) override;
  void dot_product(const Tensor& x, const Tensor& y, const Tensor& out) override;
  void axpby(double alpha, const Tensor& x, double beta, const Tensor& y) override;
  void ascend(const Tensor& theta, const Tensor& g, const Tensor& norm, double rho, double eps,
              const Tensor& out) override;
  void reject(const Tensor& x, const Tensor& y, const Tensor& dot, const Tensor& norm, const Tensor& out) override;
  void adam(const Tensor& theta, const Tensor& gradient, double gradient_scale, const Tensor& m, const Tensor& v,
            const Tensor& scalars, const AdamSpec& spec) override;
  void sgd(const Tensor& theta, const Tensor& gradient, double gradient_scale, const Tensor& velocity,
           const Tensor& scalars, const SgdSpec& spec) override;

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
  /// after the other, are one launch (fold.cu). Every other operation launches them first.
  struct PendingFold {
    bool is_gradient;
    std::array<Tensor, 6> in;
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
  void sum_products(const char* op, const Tensor& x, const Tensor& y, bool root, const Tensor& out);
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
