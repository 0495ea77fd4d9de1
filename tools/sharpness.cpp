#include "tools/sharpness.h"

#include <algorithm>

namespace dgsam {

Sharpness one_step_sharpness(Backend& backend, const ModelSpec& model, NetworkOptions options,
                             const std::shared_ptr<Arena>& arena, const RunImages& images,
                             std::vector<DomainIndices> parts, const std::vector<int>& sources, const FlatVector& theta,
                             const FlatVector& statistics, double rho) {
  for (const DomainIndices& part : parts) {
    options.batch = std::min(options.batch, static_cast<int>(part.indices.size()));
  }
  require(options.batch > 0, "the sharpness of a domain without images cannot be measured");
  for (DomainIndices& part : parts) part.indices.resize(part.indices.size() - part.indices.size() % options.batch);

  options.training = true;
  options.dropout = 0;
  options.batch_norm = BatchNormMode::frozen;
  Network network = build_network(model, options);
  Program program(std::move(network.graph), backend, arena);
  DeviceBatch device(backend, program.graph());
  Evaluator evaluator(backend, model, options, arena);

  const auto vector = [&] { return FlatVector(backend, theta.shared_layout(), theta.dtype()); };
  const FlatVector g_batch = vector(), g_domain = vector(), g_total = vector(), perturbed = vector();
  const Buffer norm_buffer(backend, sizeof(double));
  const Tensor norm{norm_buffer.data(), {DType::f64, {}, Layout::dense}};
  const auto ascend = [&](const FlatVector& g) {
    backend.norm(g.all(), norm);
    backend.ascend(theta.all(), g.all(), norm, rho, 0, perturbed.all());
  };
  const auto loss = [&](const DomainIndices& part, const FlatVector& at) {
    return evaluator.evaluate(images, part, at, statistics).loss;
  };

  Sharpness sharpness;
  std::vector<double> clean;
  for (const DomainIndices& part : parts) {
    const double batches = static_cast<double>(part.indices.size()) / options.batch;
    EvaluationBatches reader(images, part, options.batch);
    double beta = 0;
    for (; reader.next(device); beta = 1) {
      program.run({.theta = &theta, .gradient = &g_batch, .statistics = &statistics, .inputs = device.inputs()});
      backend.axpby(1 / batches, g_batch.all(), beta, g_domain.all());
    }
    ascend(g_domain);
    clean.push_back(loss(part, theta));
    sharpness.domains.push_back(loss(part, perturbed) - clean.back());
    if (std::find(sources.begin(), sources.end(), part.domain) != sources.end()) {
      backend.axpby(1.0 / static_cast<double>(sources.size()), g_domain.all(), 1, g_total.all());
    }
  }
  ascend(g_total);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (std::find(sources.begin(), sources.end(), parts[i].domain) == sources.end()) continue;
    sharpness.total += (loss(parts[i], perturbed) - clean[i]) / static_cast<double>(sources.size());
  }
  return sharpness;
}

}  // namespace dgsam
