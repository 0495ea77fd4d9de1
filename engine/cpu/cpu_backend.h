// CpuBackend: every operation as plain C++ templates over float, double and bfloat16, parallel with OpenMP.
//
// It needs no library, takes both layouts everywhere, and is the reference for every other backend. Convolutions are
// our own GEMM over gathered operands. Work is cut into chunks whose size does not depend on the number of threads and
// partial sums are added in chunk order, so results do not depend on the number of threads.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include "engine/backend.h"

namespace dgsam {

struct CpuOptions {
  int threads = 0;       ///< 0: as many as this process may run at once (engine/core/limits.h)
  bool winograd = true;  ///< oneDNN, f32: 3x3 convolutions by F(4x4, 3x3); false: the direct sums
};

class CpuBackend : public Backend {
 public:
  explicit CpuBackend(const CpuOptions& options = {});

  int threads() const { return threads_; }
  /// Bytes in live allocations, scratch memory included.
  std::size_t bytes_allocated() const { return bytes_allocated_; }
  /// Calls of allocate() so far, growth of the scratch memory included: what must stand still while a program is
  /// replayed.
  std::int64_t allocations() const { return allocations_; }

  void* allocate(std::size_t bytes) override;
  void deallocate(void* address, std::size_t bytes) noexcept override;

  std::string name() const override;
  Layout preferred_layout(DType dtype) const override;
  void upload(Tensor to, const void* host) override;
  void download(void* host, ConstTensor from) override;
  void copy(ConstTensor from, Tensor to) override;
  void zero(Tensor x) override;
  void synchronize() override {}
  std::unique_ptr<ReadBack> make_read_back(std::size_t bytes) override;

  void conv2d(ConstTensor x, ConstTensor w, ConstTensor b, ConstTensor z, Tensor y, const Conv2dSpec& spec) override;
  void conv2d_data_grad(ConstTensor dy, ConstTensor w, Tensor dx, const Conv2dSpec& spec) override;
  void conv2d_weight_grad(ConstTensor x, ConstTensor dy, Tensor dw, const Conv2dSpec& spec) override;
  void bias_relu_grad(ConstTensor dy, ConstTensor dy2, ConstTensor y, Tensor dz, Tensor db) override;

  void linear(ConstTensor x, ConstTensor w, ConstTensor b, Tensor y) override;
  void linear_data_grad(ConstTensor dy, ConstTensor w, Tensor dx) override;
  void linear_weight_grad(ConstTensor x, ConstTensor dy, Tensor dw) override;

  void fold_batch_norm(ConstTensor w, ConstTensor gamma, ConstTensor beta, ConstTensor mean, ConstTensor var,
                       double eps, Tensor folded_w, Tensor folded_b) override;
  void fold_batch_norm_grad(ConstTensor w, ConstTensor gamma, ConstTensor mean, ConstTensor var, double eps,
                            ConstTensor dfw, ConstTensor dfb, Tensor dw, Tensor dgamma, Tensor dbeta) override;
  void batch_norm(ConstTensor x, ConstTensor gamma, ConstTensor beta, Tensor running_mean, Tensor running_var,
                  ConstTensor counters, Tensor y, Tensor mean, Tensor invstd, const BatchNormSpec& spec) override;
  void batch_norm_grad(ConstTensor x, ConstTensor gamma, ConstTensor mean, ConstTensor invstd, ConstTensor dy,
                       Tensor dx, Tensor dgamma, Tensor dbeta) override;
  void group_norm(ConstTensor x, ConstTensor gamma, ConstTensor beta, Tensor y, Tensor mean, Tensor invstd, int groups,
                  double eps) override;
  void group_norm_grad(ConstTensor x, ConstTensor gamma, ConstTensor mean, ConstTensor invstd, ConstTensor dy,
                       Tensor dx, Tensor dgamma, Tensor dbeta, int groups) override;

  void relu(ConstTensor x, Tensor y) override;
  void add(ConstTensor a, ConstTensor b, Tensor y) override;
  void cast(ConstTensor x, Tensor y) override;
  void max_pool(ConstTensor x, Tensor y, Tensor winner, const PoolSpec& spec) override;
  void max_pool_grad(ConstTensor dy, ConstTensor winner, Tensor dx, const PoolSpec& spec) override;
  void global_avg_pool(ConstTensor x, Tensor y) override;
  void global_avg_pool_grad(ConstTensor dy, Tensor dx) override;
  void dropout(ConstTensor x, ConstTensor counters, Tensor y, const DropoutSpec& spec) override;

  void softmax_cross_entropy(ConstTensor x, ConstTensor labels, Tensor loss, Tensor probabilities) override;
  void softmax_cross_entropy_grad(ConstTensor dloss, ConstTensor probabilities, ConstTensor labels, Tensor dx) override;
  void fill(Tensor x, double value) override;

  void norm(ConstTensor x, Tensor out) override;
  void dot_product(ConstTensor x, ConstTensor y, Tensor out) override;
  void axpby(double alpha, ConstTensor x, double beta, Tensor y) override;
  void ascend(ConstTensor theta, ConstTensor g, ConstTensor norm, double rho, double eps, Tensor out) override;
  void reject(ConstTensor x, ConstTensor y, ConstTensor dot, ConstTensor norm, Tensor out) override;
  void adam(Tensor theta, ConstTensor gradient, double gradient_scale, Tensor m, Tensor v, ConstTensor scalars,
            const AdamSpec& spec) override;
  void sgd(Tensor theta, ConstTensor gradient, double gradient_scale, Tensor velocity, ConstTensor scalars,
           const SgdSpec& spec) override;

 protected:
  /// At least `bytes` of scratch memory, 64-byte aligned, valid until the next call; it grows and is never given back.
  /// Its contents are undefined.
  void* scratch(std::size_t bytes);

 private:
  int threads_ = 1;
  std::atomic<std::size_t> bytes_allocated_ = 0;
  std::atomic<std::int64_t> allocations_ = 0;
  Buffer scratch_;
};

}  // namespace dgsam
