#include "models/layers.h"

#include <cmath>

namespace dgsam {

namespace {

Init uniform_by_fan_in(std::int64_t fan_in) {
  return {Init::Kind::uniform, 1 / std::sqrt(static_cast<double>(fan_in))};
}

Conv2dSpec spec_of(const ConvShape& shape) {
  return {.stride = shape.stride, .padding = (shape.kernel - 1) / 2, .relu = false};
}

}  // namespace

Value Layers::conv_batch_norm(const std::string& conv, const std::string& norm, Value x, const ConvShape& shape) {
  Graph& g = graph();
  const double fan_out = static_cast<double>(shape.channels) * shape.kernel * shape.kernel;
  const Value w = g.parameter(conv + ".weight", {shape.channels, shape.kernel, shape.kernel, g.type(x).shape.last()},
                              {Init::Kind::normal, std::sqrt(2 / fan_out)});
  const Affine affine = declare_norm(norm, shape.channels);
  const Value mean = g.statistic(norm + ".running_mean", {shape.channels}, 0);
  const Value var = g.statistic(norm + ".running_var", {shape.channels}, 1);

  g.set_label(conv);
  if (!options_.training || options_.batch_norm == BatchNormMode::frozen) {
    const FoldedWeights folded = fold_batch_norm(g, w, affine.weight, affine.bias, mean, var, options_.bn.eps);
    return conv2d(g, x, folded.w, folded.b, Value{}, spec_of(shape));
  }
  const Value sums = conv2d(g, x, w, Value{}, Value{}, spec_of(shape));
  g.set_label(norm);
  return batch_norm(g, sums, affine.weight, affine.bias, mean, var, network_.counters, options_.bn);
}

Affine Layers::declare_conv(const std::string& name, std::int64_t in_channels, const ConvShape& shape) {
  const Init init = uniform_by_fan_in(in_channels * shape.kernel * shape.kernel);
  const Value weight =
      graph().parameter(name + ".weight", {shape.channels, shape.kernel, shape.kernel, in_channels}, init);
  return {weight, graph().parameter(name + ".bias", {shape.channels}, init)};
}

Value Layers::conv(const std::string& name, const Affine& parameters, Value x, const ConvShape& shape) {
  graph().set_label(name);
  return conv2d(graph(), x, parameters.weight, parameters.bias, Value{}, spec_of(shape));
}

Affine Layers::declare_norm(const std::string& name, std::int64_t channels) {
  const Value weight = graph().parameter(name + ".weight", {channels}, {Init::Kind::constant, 1});
  return {weight, graph().parameter(name + ".bias", {channels}, {Init::Kind::constant, 0})};
}

void Layers::head(const std::string& name, Value features, int classes) {
  Graph& g = graph();
  g.set_label("pool");
  Value x = global_avg_pool(g, features);
  g.set_label("dropout");
  x = dropout(g, x, network_.counters, {.p = options_.training ? options_.dropout : 0, .layer = 0});
  const std::int64_t width = g.type(x).shape.last();
  const Init init = uniform_by_fan_in(width);
  const Value weight = g.parameter(name + ".weight", {classes, width}, init);
  const Value bias = g.parameter(name + ".bias", {classes}, init);
  g.set_label(name);
  network_.logits = linear(g, x, weight, bias);
  g.set_label("loss");
  network_.loss = softmax_cross_entropy(g, network_.logits, network_.labels);
  g.keep(network_.logits);
  g.keep(network_.loss);
}

}  // namespace dgsam
