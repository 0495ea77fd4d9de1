#include "engine/graph/ops/conv2d.h"

#include <string>
#include <utility>

namespace dgsam {

namespace {

std::string window_text(const Conv2dSpec& spec) {
  return "stride " + std::to_string(spec.stride) + ", padding " + std::to_string(spec.padding) +
         (spec.relu ? ", relu" : "");
}

/// 2 · N·P·Q·K · R·S·C, whichever of the three convolutions it is.
double conv_flops(const Type& y, const Type& w) {
  return 2.0 * static_cast<double>(y.elements()) * static_cast<double>(w.elements()) / static_cast<double>(w.shape[0]);
}

}  // namespace

std::string Conv2d::attributes() const { return window_text(spec_); }

std::vector<Type> Conv2d::infer(std::span<const Type> in) const {
  const Type &x = in[kX], &w = in[kW];
  require(x.shape.rank() == 4 && w.shape.rank() == 4 && x.shape[3] == w.shape[3], "conv2d: image ", x.text(),
          " and weights ", w.text(), " do not fit (N,H,W,C and K,R,S,C with one C)");
  require(w.dtype == x.dtype && w.layout == Layout::dense, "conv2d: weights ", w.text(), " for an image ", x.text());
  const auto extent = [&](int axis) { return (x.shape[axis] + 2 * spec_.padding - w.shape[axis]) / spec_.stride + 1; };
  require(x.shape[1] + 2 * spec_.padding >= w.shape[1] && x.shape[2] + 2 * spec_.padding >= w.shape[2],
          "conv2d: the filter ", w.text(), " is larger than the padded image ", x.text());
  const Type y{x.dtype, {x.shape[0], extent(1), extent(2), w.shape[0]}, out_layout_};
  if (present(in[kBias])) {
    const bool narrow = in[kBias].dtype == x.dtype;  // by narrow_folds()
    require(in[kBias] == Type{narrow ? x.dtype : master_of(x.dtype), {w.shape[0]}, Layout::dense}, "conv2d: bias ",
            in[kBias].text(), " for ", y.text());
  }
  if (present(in[kResidual])) {
    require(in[kResidual] == y, "conv2d: residual ", in[kResidual].text(), " for ", y.text());
  }
  if (mask_bits_ == 0) return {y};
  const std::int64_t channels = y.shape.last(), padded = (channels + mask_bits_ - 1) / mask_bits_ * mask_bits_;
  return {y, {DType::u8, {y.elements() / channels, padded / 8}, Layout::dense}};
}

void Conv2d::run(Backend& backend, std::span<const ConstTensor> in, std::span<const Tensor> out) const {
  if (mask_bits_ == 0) return backend.conv2d(in[kX], in[kW], in[kBias], in[kResidual], out[0], spec_);
  backend.conv2d_relu_mask(in[kX], in[kW], in[kBias], in[kResidual], out[0], out[1], spec_);
}

std::vector<Value> Conv2d::gradient(Graph& graph, const Node& node, std::span<const Value> dout) const {
  const Value x = node.in[kX], w = node.in[kW], bias = node.in[kBias], residual = node.in[kResidual];
  // One pass over the activations undoes the epilogue; without ReLU and bias there is nothing to undo.
  Value dz = dout[0], db;
  if (spec_.relu || graph.needs_gradient(bias)) {
    const BiasReluGrad undone =
        bias_relu_grad(graph, dout[0], spec_.relu ? node.out[0] : Value{}, spec_.relu, graph.needs_gradient(bias));
    if (spec_.relu) dz = undone.dz;
    db = undone.db;
  }
  Conv2dSpec plain = spec_;
  plain.relu = false;
  Value dx, dw;
  if (graph.needs_gradient(w)) {
    dw = graph.append_one(std::make_shared<Conv2dWeightGrad>(plain, graph.type(w).shape), {x, dz});
  }
  if (graph.needs_gradient(x)) {
    dx = graph.append_one(std::make_shared<Conv2dDataGrad>(plain, graph.type(x)), {dz, w});
  }
  return {dx, dw, db, residual ? dz : Value{}};
}

double Conv2d::flops(std::span<const Type> in, std::span<const Type> out) const { return conv_flops(out[0], in[kW]); }

std::string Conv2dDataGrad::attributes() const { return window_text(spec_); }

void Conv2dDataGrad::run(Backend& backend, std::span<const ConstTensor> in, std::span<const Tensor> out) const {
  backend.conv2d_data_grad(in[kDy], in[kW], out[0], spec_);
}

double Conv2dDataGrad::flops(std::span<const Type> in, std::span<const Type>) const {
  return conv_flops(in[kDy], in[kW]);
}

std::string Conv2dDataGradRelu::attributes() const { return window_text(spec_); }

std::string Conv2dWeightGrad::attributes() const { return window_text(spec_); }

std::vector<Type> Conv2dWeightGrad::infer(std::span<const Type> in) const {
  return {{narrow_ ? in[kX].dtype : master_of(in[kX].dtype), w_, Layout::dense}};
}

void Conv2dWeightGrad::run(Backend& backend, std::span<const ConstTensor> in, std::span<const Tensor> out) const {
  backend.conv2d_weight_grad(in[kX], in[kDy], out[0], spec_);
}

double Conv2dWeightGrad::flops(std::span<const Type> in, std::span<const Type> out) const {
  return conv_flops(in[kDy], out[0]);
}

std::vector<Type> Conv2dDataGradRelu::infer(std::span<const Type> in) const {
  const Type& x = in[kX];
  return {x,
          want_db_ ? Type{narrow_db_ ? x.dtype : master_of(x.dtype), {x.shape.last()}, Layout::dense} : absent_type()};
}

void Conv2dDataGradRelu::run(Backend& backend, std::span<const ConstTensor> in, std::span<const Tensor> out) const {
  backend.conv2d_data_grad_relu(in[kDy], in[kW], in[kDx2], in[kX], in[kMask], out[0], out[1], spec_);
}

double Conv2dDataGradRelu::flops(std::span<const Type> in, std::span<const Type>) const {
  return conv_flops(in[kDy], in[kW]);
}

Value conv2d(Graph& graph, Value x, Value w, Value bias, Value residual, const Conv2dSpec& spec) {
  require(spec.stride >= 1 && spec.padding >= 0, "conv2d: stride ", spec.stride, ", padding ", spec.padding);
  const Layout layout = graph.image_layout(graph.type(w).shape[0]);
  return graph.append_one(std::make_shared<Conv2d>(spec, layout),
                          {x, cast(graph, w, graph.type(x).dtype), bias, residual});
}

}  // namespace dgsam
