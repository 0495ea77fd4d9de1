// Networks: a model's layers as a graph, with torchvision's (ResNet) and DomainBed's (MNIST CNN) names.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/graph/compile.h"
#include "engine/graph/graph.h"

namespace dgsam {

enum class BatchNormMode : std::uint8_t {
  frozen,  ///< running statistics are constants: folded into the convolution
  batch,   ///< statistics of the batch
};

/// A ResNet by its sizes (He et al. 2015; torchvision's structure: the bottleneck's stride is on its 3x3).
struct ResNetSpec {
  enum class Block : std::uint8_t { basic, bottleneck };
  Block block = Block::basic;
  std::vector<int> blocks;  ///< per stage; the first block of every stage but the first has stride 2
  std::vector<int> planes;  ///< per stage: output channels of its 3x3 convolutions; a bottleneck's output has 4 times
                            ///< as many
  int stem = 64;            ///< channels after the 7x7 convolution
  int image_channels = 3;
};
ResNetSpec resnet18();
ResNetSpec resnet50();

/// A model by its name.
struct ModelSpec {
  std::string name;  ///< "resnet18", "resnet50" or "mnist-cnn"
  int classes = 0;
  int image_channels = 3;
};

struct NetworkOptions {
  int batch = 32;
  int image_size = 224;  ///< rows and columns
  DType activation = DType::f32;
  Layout layout = Layout::dense;  ///< the backend's preferred_layout(activation)
  BatchNormMode batch_norm = BatchNormMode::frozen;
  BatchNormSpec bn = {};
  double dropout = 0;  ///< of the pooled features, DropoutSpec::layer 0
  /// true: with dropout and gradients. false: for evaluation, without either; batch norm then always uses the running
  /// statistics.
  bool training = true;
  /// Without `gradients`: training's forward pass alone, which shows batch norm its batches.
  CompileOptions compile = {};

  /// Sets what makes `backend` fastest: the layout, and what `compile` has of it. After `activation`.
  void adapt_to(Backend& backend);
};

/// A graph with three inputs: "images", of the activation type, [N,H,W,C] dense; "labels" i32[N]; "counters"
/// i64[kStepCounters]. Logits [N,classes] and the mean loss are kept. The parameters, their names and their
/// order are those of the PyTorch model's state_dict, and depend on no option.
struct Network {
  Graph graph;
  Value images, labels, counters;
  Value logits;  ///< of the activation type
  Value loss;    ///< master scalar
};

/// Throws Error for an unknown name and for sizes that are not positive.
Network build_network(const ModelSpec& model, const NetworkOptions& options);
Network build_network(const ResNetSpec& resnet, int classes, const NetworkOptions& options);

}  // namespace dgsam
