#include "models/network.h"

#include "models/architectures.h"

namespace dgsam {

namespace {

/// Declares the inputs, lets `append` add the forward pass, and finishes the list.
template <class Append>
Network build(int image_channels, int classes, const NetworkOptions& options, const Append& append) {
  require(classes >= 2, "a classifier needs at least 2 classes, not ", classes);
  require(image_channels >= 1, "an image has at least 1 channel, not ", image_channels);
  require(options.batch >= 1, "a batch has at least 1 image, not ", options.batch);
  require(options.image_size >= 1, "an image has at least 1 row, not ", options.image_size);
  Network network{Graph(options.activation, options.layout), {}, {}, {}, {}, {}};
  Graph& graph = network.graph;
  network.images = graph.input(
      "images",
      {options.activation, {options.batch, options.image_size, options.image_size, image_channels}, Layout::dense});
  network.labels = graph.input("labels", {DType::i32, {options.batch}, Layout::dense});
  network.counters = graph.input("counters", {DType::i64, {kStepCounters}, Layout::dense});

  Layers layers(network, options);
  append(layers, network.images);
  CompileOptions compiled = options.compile;
  compiled.gradients = compiled.gradients && options.training;
  compile(graph, network.loss, compiled);
  return network;
}

}  // namespace

void NetworkOptions::adapt_to(Backend& backend) {
  layout = backend.preferred_layout(activation);
  compile.adapt_to(backend, activation);
}

Network build_network(const ResNetSpec& resnet, int classes, const NetworkOptions& options) {
  return build(resnet.image_channels, classes, options,
               [&](Layers& layers, Value images) { append_resnet(layers, resnet, images, classes); });
}

Network build_network(const ModelSpec& model, const NetworkOptions& options) {
  if (model.name == "mnist-cnn") {
    return build(model.image_channels, model.classes, options,
                 [&](Layers& layers, Value images) { append_mnist_cnn(layers, images, model.classes); });
  }
  require(model.name == "resnet18" || model.name == "resnet50", "unknown model \"", model.name,
          "\"; use resnet18, resnet50 or mnist-cnn");
  ResNetSpec resnet = model.name == "resnet18" ? resnet18() : resnet50();
  resnet.image_channels = model.image_channels;
  return build_network(resnet, model.classes, options);
}

}  // namespace dgsam
