#include "engine/check/intercept.h"

#include <tuple>

namespace dgsam {
namespace {

/// Marks an operand that the operation writes.
struct Out {
  const Tensor& tensor;
};

/// Marks an operand in a form of the backend's own.
struct Own {
  const Tensor& tensor;
  bool written;
};

void add_operand(Call& call, const Tensor& tensor) { call.operands.push_back({tensor}); }
void add_operand(Call& call, const Out& out) { call.operands.push_back({out.tensor, true}); }
void add_operand(Call& call, const Own& own) { call.operands.push_back({own.tensor, own.written, true}); }
template <class Value>
void add_operand(Call&, const Value&) {}

/// The next of the given tensors for an operand; other arguments stay as they are.
using Cursor = std::vector<Tensor>::const_iterator;
const Tensor& argument(const Tensor&, Cursor& next) { return *next++; }
const Tensor& argument(const Out&, Cursor& next) { return *next++; }
const Tensor& argument(const Own&, Cursor& next) { return *next++; }
template <class Value>
const Value& argument(const Value& value, Cursor&) {
  return value;
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

void Call::run_on(Backend& backend) const {
  std::vector<Tensor> tensors;
  for (const Operand& operand : operands) tensors.push_back(operand.tensor);
  run(backend, tensors);
}

template <class... Parameters, class... Arguments>
void InterceptingBackend::call(std::string_view op, void (Backend::*operation)(Parameters...),
                               const Arguments&... arguments) {
  Call call{op, {}, {}};
  (add_operand(call, arguments), ...);
  call.run = [&](Backend& backend, const std::vector<Tensor>& tensors) {
    Cursor next = tensors.begin();
    const std::tuple<Parameters...> actual{argument(arguments, next)...};  // braces: from left to right
    std::apply([&](const auto&... each) { (backend.*operation)(each...); }, actual);
  };
  intercept(call);
}

void InterceptingBackend::copy(const Tensor& from, const Tensor& to) { call("copy", &Backend::copy, from, Out{to}); }

void InterceptingBackend::zero(const Tensor& x) { call("zero", &Backend::zero, Out{x}); }

void InterceptingBackend::conv2d(const Tensor& x, const Tensor& w, const Tensor& b, const Tensor& z, const Tensor& y,
                                 const Conv2dSpec& spec) {
  call("conv2d", &Backend::conv2d, x, w, b, z, Out{y}, spec);
}

void InterceptingBackend::conv2d_relu_mask(const Tensor& x, const Tensor& w, const Tensor& b, const Tensor& z,
                                           const Tensor& y, const Tensor& mask, const Conv2dSpec& spec) {
  call("conv2d_relu_mask", &Backend::conv2d_relu_mask, x, w, b, z, Out{y}, Own{mask, true}, spec);
}

void InterceptingBackend::conv2d_data_grad(const Tensor& dy, const Tensor& w, const Tensor& dx,
                                           const Conv2dSpec& spec) {
  call("conv2d_data_grad", &Backend::conv2d_data_grad, dy, w, Out{dx}, spec);
}

void InterceptingBackend::conv2d_weight_grad(const Tensor& x, const Tensor& dy, const Tensor& dw,
                                             const Conv2dSpec& spec) {
  call("conv2d_weight_grad", &Backend::conv2d_weight_grad, x, dy, Out{dw}, spec);
}

void InterceptingBackend::bias_relu_grad(const Tensor& dy, const Tensor& dy2, const Tensor& y, const Tensor& dz,
                                         const Tensor& db) {
  call("bias_relu_grad", &Backend::bias_relu_grad, dy, dy2, y, Out{dz}, Out{db});
}

void InterceptingBackend::conv2d_data_grad_relu(const Tensor& dy, const Tensor& w, const Tensor& dx2, const Tensor& x,
                                                const Tensor& mask, const Tensor& dz, const Tensor& db,
                                                const Conv2dSpec& spec) {
  call("conv2d_data_grad_relu", &Backend::conv2d_data_grad_relu, dy, w, dx2, x, Own{mask, false}, Out{dz}, Out{db},
       spec);
}

void InterceptingBackend::linear(const Tensor& x, const Tensor& w, const Tensor& b, const Tensor& y) {
  call("linear", &Backend::linear, x, w, b, Out{y});
}

void InterceptingBackend::linear_data_grad(const Tensor& dy, const Tensor& w, const Tensor& dx) {
  call("linear_data_grad", &Backend::linear_data_grad, dy, w, Out{dx});
}

void InterceptingBackend::linear_weight_grad(const Tensor& x, const Tensor& dy, const Tensor& dw) {
  call("linear_weight_grad", &Backend::linear_weight_grad, x, dy, Out{dw});
}

void InterceptingBackend::fold_batch_norm(const Tensor& w, const Tensor& gamma, const Tensor& beta, const Tensor& mean,
                                          const Tensor& var, double eps, const Tensor& folded_w,
                                          const Tensor& folded_b) {
  call("fold_batch_norm", &Backend::fold_batch_norm, w, gamma, beta, mean, var, eps, Out{folded_w}, Out{folded_b});
}

void InterceptingBackend::fold_batch_norm_grad(const Tensor& w, const Tensor& gamma, const Tensor& mean,
                                               const Tensor& var, double eps, const Tensor& dfw, const Tensor& dfb,
                                               const Tensor& dw, const Tensor& dgamma, const Tensor& dbeta) {
  call("fold_batch_norm_grad", &Backend::fold_batch_norm_grad, w, gamma, mean, var, eps, dfw, dfb, Out{dw}, Out{dgamma},
       Out{dbeta});
}

void InterceptingBackend::batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                                     const Tensor& running_mean, const Tensor& running_var, const Tensor& counters,
                                     const Tensor& y, const Tensor& mean, const Tensor& invstd,
                                     const BatchNormSpec& spec) {
  call("batch_norm", &Backend::batch_norm, x, gamma, beta, Out{running_mean}, Out{running_var}, counters, Out{y},
       Out{mean}, Out{invstd}, spec);
}

void InterceptingBackend::batch_norm_grad(const Tensor& x, const Tensor& gamma, const Tensor& mean,
                                          const Tensor& invstd, const Tensor& dy, const Tensor& dx,
                                          const Tensor& dgamma, const Tensor& dbeta) {
  call("batch_norm_grad", &Backend::batch_norm_grad, x, gamma, mean, invstd, dy, Out{dx}, Out{dgamma}, Out{dbeta});
}

void InterceptingBackend::group_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& y,
                                     const Tensor& mean, const Tensor& invstd, int groups, double eps) {
  call("group_norm", &Backend::group_norm, x, gamma, beta, Out{y}, Out{mean}, Out{invstd}, groups, eps);
}

void InterceptingBackend::group_norm_grad(const Tensor& x, const Tensor& gamma, const Tensor& mean,
                                          const Tensor& invstd, const Tensor& dy, const Tensor& dx,
                                          const Tensor& dgamma, const Tensor& dbeta, int groups) {
  call("group_norm_grad", &Backend::group_norm_grad, x, gamma, mean, invstd, dy, Out{dx}, Out{dgamma}, Out{dbeta},
       groups);
}

void InterceptingBackend::relu(const Tensor& x, const Tensor& y) { call("relu", &Backend::relu, x, Out{y}); }

void InterceptingBackend::add(const Tensor& a, const Tensor& b, const Tensor& y) {
  call("add", &Backend::add, a, b, Out{y});
}

void InterceptingBackend::cast(const Tensor& x, const Tensor& y) { call("cast", &Backend::cast, x, Out{y}); }

void InterceptingBackend::max_pool(const Tensor& x, const Tensor& y, const Tensor& winner, const PoolSpec& spec) {
  call("max_pool", &Backend::max_pool, x, Out{y}, Out{winner}, spec);
}

void InterceptingBackend::max_pool_grad(const Tensor& dy, const Tensor& winner, const Tensor& dx,
                                        const PoolSpec& spec) {
  call("max_pool_grad", &Backend::max_pool_grad, dy, winner, Out{dx}, spec);
}

void InterceptingBackend::global_avg_pool(const Tensor& x, const Tensor& y) {
  call("global_avg_pool", &Backend::global_avg_pool, x, Out{y});
}

void InterceptingBackend::global_avg_pool_grad(const Tensor& dy, const Tensor& dx) {
  call("global_avg_pool_grad", &Backend::global_avg_pool_grad, dy, Out{dx});
}

void InterceptingBackend::dropout(const Tensor& x, const Tensor& counters, const Tensor& y, const DropoutSpec& spec) {
  call("dropout", &Backend::dropout, x, counters, Out{y}, spec);
}

void InterceptingBackend::softmax_cross_entropy(const Tensor& x, const Tensor& labels, const Tensor& loss,
                                                const Tensor& probabilities) {
  call("softmax_cross_entropy", &Backend::softmax_cross_entropy, x, labels, Out{loss}, Out{probabilities});
}

void InterceptingBackend::softmax_cross_entropy_grad(const Tensor& dloss, const Tensor& probabilities,
                                                     const Tensor& labels, const Tensor& dx) {
  call("softmax_cross_entropy_grad", &Backend::softmax_cross_entropy_grad, dloss, probabilities, labels, Out{dx});
}

void InterceptingBackend::fill(const Tensor& x, double value) { call("fill", &Backend::fill, Out{x}, value); }

void InterceptingBackend::norm(const Tensor& x, const Tensor& out) { call("norm", &Backend::norm, x, Out{out}); }

void InterceptingBackend::dot_product(const Tensor& x, const Tensor& y, const Tensor& out) {
  call("dot_product", &Backend::dot_product, x, y, Out{out});
}

void InterceptingBackend::axpby(double alpha, const Tensor& x, double beta, const Tensor& y) {
  call("axpby", &Backend::axpby, alpha, x, beta, Out{y});
}

void InterceptingBackend::ascend(const Tensor& theta, const Tensor& g, const Tensor& norm, double rho, double eps,
                                 const Tensor& out) {
  call("ascend", &Backend::ascend, theta, g, norm, rho, eps, Out{out});
}

void InterceptingBackend::reject(const Tensor& x, const Tensor& y, const Tensor& dot, const Tensor& norm,
                                 const Tensor& out) {
  call("reject", &Backend::reject, x, y, dot, norm, Out{out});
}

void InterceptingBackend::adam(const Tensor& theta, const Tensor& gradient, double gradient_scale, const Tensor& m,
                               const Tensor& v, const Tensor& scalars, const AdamSpec& spec) {
  call("adam", &Backend::adam, Out{theta}, gradient, gradient_scale, Out{m}, Out{v}, scalars, spec);
}

void InterceptingBackend::sgd(const Tensor& theta, const Tensor& gradient, double gradient_scale,
                              const Tensor& velocity, const Tensor& scalars, const SgdSpec& spec) {
  call("sgd", &Backend::sgd, Out{theta}, gradient, gradient_scale, Out{velocity}, scalars, spec);
}

}  // namespace dgsam
