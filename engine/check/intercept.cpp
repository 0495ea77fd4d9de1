#include "engine/check/intercept.h"

#include <tuple>
#include <type_traits>

namespace dgsam {
namespace {

void add_operand(Call& call, const ConstTensor& tensor) { call.operands.push_back({tensor, false, false}); }
void add_operand(Call& call, const Tensor& tensor) { call.operands.push_back({tensor, true, false}); }
template <class View>
void add_operand(Call& call, const Opaque<View>& tensor) {
  call.operands.push_back({tensor, std::is_same_v<View, Tensor>, true});
}
template <class Value>
void add_operand(Call&, const Value&) {}

/// The next of the given tensors for an operand; other arguments stay as they are.
template <class Argument>
decltype(auto) argument(const Argument& given, std::vector<Tensor>::const_iterator& next) {
  if constexpr (std::is_convertible_v<Tensor, Argument>) {
    return Argument(*next++);
  } else {
    return (given);
  }
}

}  // namespace

std::string Call::text() const {
  std::string line(op);
  for (const Operand& operand : operands) {
    if (!operand.written) line += " " + (operand.tensor ? operand.tensor.type.text() : "-");
  }
  line += " ->";
  for (const Operand& operand : operands) {
    if (operand.written) line += " " + (operand.tensor ? operand.tensor.type.text() : "-");
  }
  return line;
}

template <class... Parameters>
void InterceptingBackend::call(std::string_view op, void (Backend::*operation)(Parameters...),
                               const std::type_identity_t<Parameters>&... arguments) {
  Call call{op, {}, {}, {}};
  (add_operand(call, arguments), ...);
  call.run_on = [&](Backend& backend) { (backend.*operation)(arguments...); };
  call.run_with = [&](Backend& backend, const std::vector<Tensor>& tensors) {
    auto next = tensors.begin();
    const std::tuple<Parameters...> actual{argument(arguments, next)...};  // braces: from left to right
    std::apply([&](const auto&... each) { (backend.*operation)(each...); }, actual);
  };
  intercept(call);
}

void InterceptingBackend::copy(ConstTensor from, Tensor to) { call("copy", &Backend::copy, from, to); }

void InterceptingBackend::zero(Tensor x) { call("zero", &Backend::zero, x); }

void InterceptingBackend::conv2d(ConstTensor x, ConstTensor w, ConstTensor b, ConstTensor z, Tensor y,
                                 const Conv2dSpec& spec) {
  call("conv2d", &Backend::conv2d, x, w, b, z, y, spec);
}

void InterceptingBackend::conv2d_relu_mask(ConstTensor x, ConstTensor w, ConstTensor b, ConstTensor z, Tensor y,
                                           Opaque<Tensor> mask, const Conv2dSpec& spec) {
  call("conv2d_relu_mask", &Backend::conv2d_relu_mask, x, w, b, z, y, mask, spec);
}

void InterceptingBackend::conv2d_data_grad(ConstTensor dy, ConstTensor w, Tensor dx, const Conv2dSpec& spec) {
  call("conv2d_data_grad", &Backend::conv2d_data_grad, dy, w, dx, spec);
}

void InterceptingBackend::conv2d_weight_grad(ConstTensor x, ConstTensor dy, Tensor dw, const Conv2dSpec& spec) {
  call("conv2d_weight_grad", &Backend::conv2d_weight_grad, x, dy, dw, spec);
}

void InterceptingBackend::bias_relu_grad(ConstTensor dy, ConstTensor dy2, ConstTensor y, Tensor dz, Tensor db) {
  call("bias_relu_grad", &Backend::bias_relu_grad, dy, dy2, y, dz, db);
}

void InterceptingBackend::conv2d_data_grad_relu(ConstTensor dy, ConstTensor w, ConstTensor dx2, ConstTensor x,
                                                Opaque<ConstTensor> mask, Tensor dz, Tensor db,
                                                const Conv2dSpec& spec) {
  call("conv2d_data_grad_relu", &Backend::conv2d_data_grad_relu, dy, w, dx2, x, mask, dz, db, spec);
}

void InterceptingBackend::linear(ConstTensor x, ConstTensor w, ConstTensor b, Tensor y) {
  call("linear", &Backend::linear, x, w, b, y);
}

void InterceptingBackend::linear_data_grad(ConstTensor dy, ConstTensor w, Tensor dx) {
  call("linear_data_grad", &Backend::linear_data_grad, dy, w, dx);
}

void InterceptingBackend::linear_weight_grad(ConstTensor x, ConstTensor dy, Tensor dw) {
  call("linear_weight_grad", &Backend::linear_weight_grad, x, dy, dw);
}

void InterceptingBackend::fold_batch_norm(ConstTensor w, ConstTensor gamma, ConstTensor beta, ConstTensor mean,
                                          ConstTensor var, double eps, Tensor folded_w, Tensor folded_b) {
  call("fold_batch_norm", &Backend::fold_batch_norm, w, gamma, beta, mean, var, eps, folded_w, folded_b);
}

void InterceptingBackend::fold_batch_norm_grad(ConstTensor w, ConstTensor gamma, ConstTensor mean, ConstTensor var,
                                               double eps, ConstTensor dfw, ConstTensor dfb, Tensor dw, Tensor dgamma,
                                               Tensor dbeta) {
  call("fold_batch_norm_grad", &Backend::fold_batch_norm_grad, w, gamma, mean, var, eps, dfw, dfb, dw, dgamma, dbeta);
}

void InterceptingBackend::batch_norm(ConstTensor x, ConstTensor gamma, ConstTensor beta, Tensor running_mean,
                                     Tensor running_var, ConstTensor counters, Tensor y, Tensor mean, Tensor invstd,
                                     const BatchNormSpec& spec) {
  call("batch_norm", &Backend::batch_norm, x, gamma, beta, running_mean, running_var, counters, y, mean, invstd, spec);
}

void InterceptingBackend::batch_norm_grad(ConstTensor x, ConstTensor gamma, ConstTensor mean, ConstTensor invstd,
                                          ConstTensor dy, Tensor dx, Tensor dgamma, Tensor dbeta) {
  call("batch_norm_grad", &Backend::batch_norm_grad, x, gamma, mean, invstd, dy, dx, dgamma, dbeta);
}

void InterceptingBackend::group_norm(ConstTensor x, ConstTensor gamma, ConstTensor beta, Tensor y, Tensor mean,
                                     Tensor invstd, int groups, double eps) {
  call("group_norm", &Backend::group_norm, x, gamma, beta, y, mean, invstd, groups, eps);
}

void InterceptingBackend::group_norm_grad(ConstTensor x, ConstTensor gamma, ConstTensor mean, ConstTensor invstd,
                                          ConstTensor dy, Tensor dx, Tensor dgamma, Tensor dbeta, int groups) {
  call("group_norm_grad", &Backend::group_norm_grad, x, gamma, mean, invstd, dy, dx, dgamma, dbeta, groups);
}

void InterceptingBackend::relu(ConstTensor x, Tensor y) { call("relu", &Backend::relu, x, y); }

void InterceptingBackend::add(ConstTensor a, ConstTensor b, Tensor y) { call("add", &Backend::add, a, b, y); }

void InterceptingBackend::cast(ConstTensor x, Tensor y) { call("cast", &Backend::cast, x, y); }

void InterceptingBackend::max_pool(ConstTensor x, Tensor y, Tensor winner, const PoolSpec& spec) {
  call("max_pool", &Backend::max_pool, x, y, winner, spec);
}

void InterceptingBackend::max_pool_grad(ConstTensor dy, ConstTensor winner, Tensor dx, const PoolSpec& spec) {
  call("max_pool_grad", &Backend::max_pool_grad, dy, winner, dx, spec);
}

void InterceptingBackend::global_avg_pool(ConstTensor x, Tensor y) {
  call("global_avg_pool", &Backend::global_avg_pool, x, y);
}

void InterceptingBackend::global_avg_pool_grad(ConstTensor dy, Tensor dx) {
  call("global_avg_pool_grad", &Backend::global_avg_pool_grad, dy, dx);
}

void InterceptingBackend::dropout(ConstTensor x, ConstTensor counters, Tensor y, const DropoutSpec& spec) {
  call("dropout", &Backend::dropout, x, counters, y, spec);
}

void InterceptingBackend::softmax_cross_entropy(ConstTensor x, ConstTensor labels, Tensor loss, Tensor probabilities) {
  call("softmax_cross_entropy", &Backend::softmax_cross_entropy, x, labels, loss, probabilities);
}

void InterceptingBackend::softmax_cross_entropy_grad(ConstTensor dloss, ConstTensor probabilities, ConstTensor labels,
                                                     Tensor dx) {
  call("softmax_cross_entropy_grad", &Backend::softmax_cross_entropy_grad, dloss, probabilities, labels, dx);
}

void InterceptingBackend::fill(Tensor x, double value) { call("fill", &Backend::fill, x, value); }

void InterceptingBackend::norm(ConstTensor x, Tensor out) { call("norm", &Backend::norm, x, out); }

void InterceptingBackend::dot_product(ConstTensor x, ConstTensor y, Tensor out) {
  call("dot_product", &Backend::dot_product, x, y, out);
}

void InterceptingBackend::axpby(double alpha, ConstTensor x, double beta, Tensor y) {
  call("axpby", &Backend::axpby, alpha, x, beta, y);
}

void InterceptingBackend::ascend(ConstTensor theta, ConstTensor g, ConstTensor norm, double rho, double eps,
                                 Tensor out) {
  call("ascend", &Backend::ascend, theta, g, norm, rho, eps, out);
}

void InterceptingBackend::reject(ConstTensor x, ConstTensor y, ConstTensor dot, ConstTensor norm, Tensor out) {
  call("reject", &Backend::reject, x, y, dot, norm, out);
}

void InterceptingBackend::adam(Tensor theta, ConstTensor gradient, double gradient_scale, Tensor m, Tensor v,
                               ConstTensor scalars, const AdamSpec& spec) {
  call("adam", &Backend::adam, theta, gradient, gradient_scale, m, v, scalars, spec);
}

void InterceptingBackend::sgd(Tensor theta, ConstTensor gradient, double gradient_scale, Tensor velocity,
                              ConstTensor scalars, const SgdSpec& spec) {
  call("sgd", &Backend::sgd, theta, gradient, gradient_scale, velocity, scalars, spec);
}

}  // namespace dgsam
