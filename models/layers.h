// Layers with PyTorch's names and default initialisation: each declares its parameters and appends its nodes.
#pragma once

#include <string>

#include "engine/graph/ops.h"
#include "models/network.h"

namespace dgsam {

/// A convolution; padded so that stride 1 keeps the image's size (odd kernels).
struct ConvShape {
  int channels = 0;  ///< of the output
  int kernel = 3;
  int stride = 1;
};

/// Weight and bias of a layer.
struct Affine {
  Value weight, bias;
};

/// Adds layers to a network under construction. A layer's name is the label of its nodes.
class Layers {
 public:
  Layers(Network& network, const NetworkOptions& options) : network_(network), options_(options) {}

  Graph& graph() { return network_.graph; }

  /// Convolution `conv` without bias, then batch norm `norm`. Weights start normal with variance 2/(K·R·S)
  /// (kaiming_normal, fan_out), gamma 1, beta 0.
  Value conv_batch_norm(const std::string& conv, const std::string& norm, Value x, const ConvShape& shape);

  /// The parameters of torch.nn.Conv2d with bias: weight and bias uniform in ±1/sqrt(C·R·S).
  Affine declare_conv(const std::string& name, std::int64_t in_channels, const ConvShape& shape);
  Value conv(const std::string& name, const Affine& parameters, Value x, const ConvShape& shape);
  /// The parameters of a normalisation: weight 1, bias 0.
  Affine declare_norm(const std::string& name, std::int64_t channels);

  /// The end of every network: global average pooling, dropout, the linear layer `name` (weight and bias uniform in
  /// ±1/sqrt(C)), softmax cross-entropy. Sets the network's logits and loss and keeps them.
  void head(const std::string& name, Value features, int classes);

 private:
  Network& network_;
  const NetworkOptions& options_;
};

}  // namespace dgsam
