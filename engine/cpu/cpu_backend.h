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
  void upload(const Tensor& to, const void* host) override;
  void download(void* host, const Tensor& from) override;
  void copy(const Tensor& from, const Tensor& to) override;
  void zero(const Tensor& x) override;
  void synchronize() override {}
  std::unique_ptr<ReadBack> make_read_back(std::size_t bytes) override;

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
