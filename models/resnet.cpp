// ResNet as in torchvision ("v1.5": the bottleneck's stride is on its 3x3 convolution).
#include "models/architectures.h"

namespace dgsam {

namespace {

constexpr int kExpansion = 4;  // of a bottleneck: output channels per plane

/// A residual block: relu(body(x) + shortcut(x)). The shortcut is x, or a 1x1 convolution where the shape changes.
Value append_block(Layers& layers, const std::string& name, ResNetSpec::Block kind, Value x, int planes, int stride) {
  Graph& graph = layers.graph();
  const auto conv = [&](int index, Value in, const ConvShape& shape) {
    const std::string number = std::to_string(index);
    return layers.conv_batch_norm(name + ".conv" + number, name + ".bn" + number, in, shape);
  };
  const bool bottleneck = kind == ResNetSpec::Block::bottleneck;
  const int channels = bottleneck ? kExpansion * planes : planes;

  Value body;
  if (bottleneck) {
    body = relu(graph, conv(1, x, {planes, 1, 1}));
    body = relu(graph, conv(2, body, {planes, 3, stride}));
    body = conv(3, body, {channels, 1, 1});
  } else {
    body = relu(graph, conv(1, x, {planes, 3, stride}));
    body = conv(2, body, {channels, 3, 1});
  }
  Value shortcut = x;
  if (stride != 1 || graph.type(x).shape.last() != channels) {
    shortcut = layers.conv_batch_norm(name + ".downsample.0", name + ".downsample.1", x, {channels, 1, stride});
  }
  graph.set_label(name);
  return relu(graph, add(graph, body, shortcut));
}

}  // namespace

ResNetSpec resnet18() {
  return {.block = ResNetSpec::Block::basic, .blocks = {2, 2, 2, 2}, .planes = {64, 128, 256, 512}};
}

ResNetSpec resnet50() {
  return {.block = ResNetSpec::Block::bottleneck, .blocks = {3, 4, 6, 3}, .planes = {64, 128, 256, 512}};
}

void append_resnet(Layers& layers, const ResNetSpec& resnet, Value images, int classes) {
  require(resnet.blocks.size() == resnet.planes.size() && !resnet.blocks.empty(), "a ResNet with ",
          resnet.blocks.size(), " stages has planes for ", resnet.planes.size());
  Value x = relu(layers.graph(), layers.conv_batch_norm("conv1", "bn1", images, {resnet.stem, 7, 2}));
  layers.graph().set_label("maxpool");
  x = max_pool(layers.graph(), x, {.kernel = 3, .stride = 2, .padding = 1});
  for (std::size_t stage = 0; stage < resnet.blocks.size(); ++stage) {
    for (int block = 0; block < resnet.blocks[stage]; ++block) {
      const std::string name = "layer" + std::to_string(stage + 1) + "." + std::to_string(block);
      x = append_block(layers, name, resnet.block, x, resnet.planes[stage], stage > 0 && block == 0 ? 2 : 1);
    }
  }
  layers.head("fc", x, classes);
}

}  // namespace dgsam
