// Decorators over a backend see every operation as one Call; the list of operations is written once, in intercept.cpp.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/backend.h"

namespace dgsam {

/// One call of one operation.
struct Call {
  struct Operand {
    Tensor tensor;  ///< empty where an optional operand is absent
    bool written = false;
    bool own = false;  ///< what it holds is the backend's own: no other backend is to be given it
  };

  std::string_view op;
  std::vector<Operand> operands;  ///< the tensors, in the order of the operation's parameters
  /// Does the operation on `backend` with these tensors in place of the operands.
  std::function<void(Backend& backend, const std::vector<Tensor>& tensors)> run;

  /// "conv2d f32[1, 5, 5, 3] f32[4, 3, 3, 3] - - -> f32[1, 5, 5, 4]": what is read, then what is written.
  std::string text() const;
  /// run() on the operands themselves.
  void run_on(Backend& backend) const;
};

/// Hands every operation to intercept(), and everything else to the inner backend, which must outlive this one.
class InterceptingBackend : public Backend {
 public:
  explicit InterceptingBackend(Backend& inner) : inner_(inner) {}

  void* allocate(std::size_t bytes) override { return inner_.allocate(bytes); }
  void deallocate(void* address, std::size_t bytes) noexcept override { inner_.deallocate(address, bytes); }
  std::size_t free_bytes() const override { return inner_.free_bytes(); }
  std::size_t scratch_to_come() const override { return inner_.scratch_to_come(); }
  std::string name() const override { return inner_.name(); }
  Layout preferred_layout(DType dtype) const override { return inner_.preferred_layout(dtype); }
  int relu_mask_bits(DType activation) override { return inner_.relu_mask_bits(activation); }
  void upload(const Tensor& to, const void* host) override { inner_.upload(to, host); }
  void download(void* host, const Tensor& from) override { inner_.download(host, from); }
  void synchronize() override { inner_.synchronize(); }
  bool is_asynchronous() const override { return inner_.is_asynchronous(); }
  std::unique_ptr<Recording> record(const std::function<void()>& work) override { return inner_.record(work); }
  void upload_early(const Tensor& to, const void* host) override { inner_.upload_early(to, host); }
  void release_early_uploads() override { inner_.release_early_uploads(); }
  void begin_side() override { inner_.begin_side(); }
  void end_side() override { inner_.end_side(); }
  void join_side() override { inner_.join_side(); }
  std::unique_ptr<ReadBack> make_read_back(std::size_t bytes) override { return inner_.make_read_back(bytes); }
  std::unique_ptr<ImageStore> make_image_store(const ImageStoreSpec& spec) override {
    return inner_.make_image_store(spec);
  }

  void copy(const Tensor& from, const Tensor& to) override;
  void zero(const Tensor& x) override;
  void conv2d(const Tensor& x, const Tensor& w, const Tensor& b, const Tensor& z, const Tensor& y,
              const Conv2dSpec& spec) override;
  void conv2d_relu_mask(const Tensor& x, const Tensor& w, const Tensor& b, const Tensor& z, const Tensor& y,
                        const Tensor& mask, const Conv2dSpec& spec) override;
  void conv2d_data_grad(const Tensor& dy, const Tensor& w, const Tensor& dx, const Conv2dSpec& spec) override;
  void conv2d_weight_grad(const Tensor& x, const Tensor& dy, const Tensor& dw, const Conv2dSpec& spec) override;
  void bias_relu_grad(const Tensor& dy, const Tensor& dy2, const Tensor& y, const Tensor& dz,
                      const Tensor& db) override;
  void conv2d_data_grad_relu(const Tensor& dy, const Tensor& w, const Tensor& dx2, const Tensor& x, const Tensor& mask,
                             const Tensor& dz, const Tensor& db, const Conv2dSpec& spec) override;
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
  Backend& inner() { return inner_; }
  virtual void intercept(const Call& call) = 0;

 private:
  template <class... Parameters, class... Arguments>
  void call(std::string_view op, void (Backend::*operation)(Parameters...), const Arguments&... arguments);

  Backend& inner_;
};

}  // namespace dgsam
