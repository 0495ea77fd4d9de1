// Decorators over a backend see every operation as one Call; the list of operations is written once, in intercept.cpp.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "engine/backend.h"

namespace dgsam {

/// One call of one operation.
struct Call {
  struct Operand {
    ConstTensor tensor;  ///< empty where an optional operand is absent
    bool written;
    bool opaque;  ///< no other backend is to be given it
  };

  std::string_view op;
  std::vector<Operand> operands;  ///< the tensors, in the order of the operation's parameters
  /// Does the operation on `backend`.
  std::function<void(Backend& backend)> run_on;
  /// The same with other tensors in place of the operands.
  std::function<void(Backend& backend, const std::vector<Tensor>& tensors)> run_with;

  /// "conv2d f32[1, 5, 5, 3] f32[4, 3, 3, 3] - - -> f32[1, 5, 5, 4]": what is read, then what is written.
  std::string text() const;
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
  void upload(Tensor to, const void* host) override { inner_.upload(to, host); }
  void download(void* host, ConstTensor from) override { inner_.download(host, from); }
  void synchronize() override { inner_.synchronize(); }
  bool is_asynchronous() const override { return inner_.is_asynchronous(); }
  std::unique_ptr<Recording> record(const std::function<void()>& work) override { return inner_.record(work); }
  void upload_early(Tensor to, const void* host) override { inner_.upload_early(to, host); }
  void release_early_uploads() override { inner_.release_early_uploads(); }
  void begin_side() override { inner_.begin_side(); }
  void end_side() override { inner_.end_side(); }
  void join_side() override { inner_.join_side(); }
  std::unique_ptr<ReadBack> make_read_back(std::size_t bytes) override { return inner_.make_read_back(bytes); }
  std::unique_ptr<ImageStore> make_image_store(const ImageStoreSpec& spec) override {
    return inner_.make_image_store(spec);
  }

  void copy(ConstTensor from, Tensor to) override;
  void zero(Tensor x) override;
  void conv2d(ConstTensor x, ConstTensor w, ConstTensor b, ConstTensor z, Tensor y, const Conv2dSpec& spec) override;
  void conv2d_relu_mask(ConstTensor x, ConstTensor w, ConstTensor b, ConstTensor z, Tensor y, Opaque<Tensor> mask,
                        const Conv2dSpec& spec) override;
  void conv2d_data_grad(ConstTensor dy, ConstTensor w, Tensor dx, const Conv2dSpec& spec) override;
  void conv2d_weight_grad(ConstTensor x, ConstTensor dy, Tensor dw, const Conv2dSpec& spec) override;
  void bias_relu_grad(ConstTensor dy, ConstTensor dy2, ConstTensor y, Tensor dz, Tensor db) override;
  void conv2d_data_grad_relu(ConstTensor dy, ConstTensor w, ConstTensor dx2, ConstTensor x, Opaque<ConstTensor> mask,
                             Tensor dz, Tensor db, const Conv2dSpec& spec) override;
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
  Backend& inner() { return inner_; }
  virtual void intercept(const Call& call) = 0;

 private:
  /// Parameters tell what is read and what is written.
  template <class... Parameters>
  void call(std::string_view op, void (Backend::*operation)(Parameters...),
            const std::type_identity_t<Parameters>&... arguments);

  Backend& inner_;
};

}  // namespace dgsam
