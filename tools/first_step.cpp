// One step of ERM, SAM and DGSAM by hand, from an empty main: a network, three domains of images, and what a training
// method does with them. Where to read on: README.md, "The algorithm, for readers".
#include <cstdio>
#include <memory>
#include <utility>
#include <vector>

#include "engine/core/rng.h"
#include "engine/make_backend.h"
#include "models/network_gradient.h"
#include "models/parameters.h"
#include "optim/base_optimizer.h"

using namespace dgsam;
constexpr int kDomains = 3, kBatch = 16, kSize = 16, kChannels = 3;
constexpr double kRho = 0.05;

struct Images {
  std::vector<float> pixels;         ///< [kBatch,kSize,kSize,kChannels]
  std::vector<std::int32_t> labels;  ///< 0 or 1
};

/// Noise with light in the upper half (class 0) or the lower one (class 1), of a colour that is the domain's.
Images draw_domain(int domain) {
  Images images{std::vector<float>(kBatch * kSize * kSize * kChannels), std::vector<std::int32_t>(kBatch)};
  RandomStream random(/*seed=*/1, "images", static_cast<std::uint64_t>(domain));
  for (int i = 0; i < std::ssize(images.pixels); ++i) {
    const int channel = i % kChannels, row = i / kChannels / kSize % kSize, image = i / kChannels / kSize / kSize;
    const bool bright = channel == domain && row / (kSize / 2) == image % 2;
    images.pixels[static_cast<std::size_t>(i)] = static_cast<float>(bright + 0.3 * random.normal());
    images.labels[static_cast<std::size_t>(image)] = image % 2;
  }
  return images;
}

int main() {
  // A backend does operations. A network is a list of them. θ is all its parameters as one vector.
  const std::unique_ptr<Backend> backend = make_backend("cpu");
  const NetworkOptions options{.batch = kBatch, .image_size = kSize};
  Network network = build_network({.name = "mnist-cnn", .classes = 2, .image_channels = kChannels}, options);
  const auto layout = network.graph.theta_layout();
  FlatVector theta(*backend, layout, DType::f32), perturbed(*backend, layout, DType::f32);
  FlatVector g(*backend, layout, DType::f32), d(*backend, layout, DType::f32);
  FlatVector statistics(*backend, network.graph.statistic_layout(), DType::f32);  // of batch norms: here there are none
  Buffer loss_memory(*backend, sizeof(float)), norm_memory(*backend, sizeof(double));
  const Tensor loss{loss_memory.data(), {DType::f32, {}}}, norm{norm_memory.data(), {DType::f64, {}}};

  // With memory to run in and each domain's batch, a network is what a method asks for: ∇L_i and ∇L, at any θ.
  NetworkGradient gradient(*backend, std::move(network), std::make_shared<Arena>(*backend), statistics, {kDomains});
  const std::vector<Images> domains{draw_domain(0), draw_domain(1), draw_domain(2)};
  const std::vector<int> order{2, 0, 1};  // l_1, l_2, l_3: batch j is that of domain order[j]
  const auto begin_step = [&] {
    int domain = 0;
    for (const Images& of : domains) gradient.stage(domain++, {.pixels = of.pixels.data(), .labels = of.labels});
    gradient.begin_step(/*step=*/0, order);
  };

  const auto erm = [&](BaseOptimizer& base) {
    gradient.of_mean(theta, d, loss);  // d = ∇L(θ)
    base.update(theta, d, 1);          // θ ← base(θ, d)
  };
  const auto sam = [&](BaseOptimizer& base) {
    gradient.of_mean(theta, g, loss);  // g = ∇L(θ)
    backend->norm(g.all(), norm);
    backend->ascend(theta.all(), g.all(), norm, kRho, 0, perturbed.all());  // θ̃ = θ + ρ g/‖g‖
    gradient.of_mean(perturbed, d, loss);                                   // d = ∇L(θ̃)
    base.update(theta, d, 1);                                               // θ ← base(θ, d)
  };
  const auto dgsam = [&](BaseOptimizer& base) {
    backend->copy(theta.all(), perturbed.all());  // θ̃_0 = θ
    backend->zero(d.all());
    for (int j = 1; j <= kDomains + 1; ++j) {
      gradient.of_batch((j - 1) % kDomains, perturbed, g, loss);  // g_j = ∇L_{l_j}(θ̃_{j-1})
      backend->norm(g.all(), norm);                               // θ̃_j = θ̃_{j-1} + ρ g_j/‖g_j‖
      if (j <= kDomains) backend->ascend(perturbed.all(), g.all(), norm, kRho, 1e-12, perturbed.all());
      backend->axpby(1, g.all(), 1, d.all());  // d = Σ g_j
    }
    base.update(theta, d, kDomains / (kDomains + 1.0));  // θ ← base(θ, S/(S+1) d)
  };

  const auto mean_loss = [&] {
    float value = 0;
    begin_step();
    gradient.of_mean(theta, g, loss);
    backend->download(&value, loss);
    return value;
  };
  const auto take = [&](const char* method, const auto& step) {
    initialise(gradient.graph(), *backend, theta, /*seed=*/0);
    const auto base = make_base_optimizer(*backend, theta, {.name = "adam", .learning_rate = 1e-3});
    const float before = mean_loss();
    begin_step();
    base->begin_update();
    step(*base);
    std::printf("%-5s  loss before %.6f, after %.6f\n", method, before, mean_loss());
  };
  take("ERM", erm);
  take("SAM", sam);
  take("DGSAM", dgsam);
}
