#include <array>

#include "models/architectures.h"

namespace dgsam {

void append_mnist_cnn(Layers& layers, Value images, int classes) {
  constexpr std::array<ConvShape, 4> kConvs{{{64, 3, 1}, {128, 3, 2}, {128, 3, 1}, {128, 3, 1}}};
  constexpr int kGroups = 8;
  constexpr double kEps = 1e-5;
  Graph& graph = layers.graph();

  // All convolutions are declared before all norms: the order of DomainBed's state_dict.
  std::array<Affine, kConvs.size()> convs, norms;
  std::int64_t channels = graph.type(images).shape.last();
  for (std::size_t i = 0; i < kConvs.size(); ++i) {
    convs[i] = layers.declare_conv("conv" + std::to_string(i + 1), channels, kConvs[i]);
    channels = kConvs[i].channels;
  }
  for (std::size_t i = 0; i < kConvs.size(); ++i) {
    norms[i] = layers.declare_norm("bn" + std::to_string(i), kConvs[i].channels);
  }

  Value x = images;
  for (std::size_t i = 0; i < kConvs.size(); ++i) {
    x = relu(graph, layers.conv("conv" + std::to_string(i + 1), convs[i], x, kConvs[i]));
    graph.set_label("bn" + std::to_string(i));
    x = group_norm(graph, x, norms[i].weight, norms[i].bias, kGroups, kEps);
  }
  layers.head("classifier", x, classes);
}

}  // namespace dgsam
