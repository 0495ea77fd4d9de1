// A network as a Gradient: which batch goes where, means over batches, pass counters.
#include "models/network_gradient.h"

#include <doctest/doctest.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/core/check.h"
#include "engine/core/rng.h"
#include "engine/cpu/cpu_backend.h"
#include "engine/graph/gradients.h"
#include "engine/graph/ops.h"
#include "tests/optim/reference.h"
#include "tests/optim/training.h"

using namespace dgsam;

namespace {

constexpr int kDomains = 3, kBatch = 4, kClasses = 5;
constexpr std::int64_t kRows = 3, kColumns = 2, kChannels = 6;

/// Pooling, dropout and a linear layer.
Network linear_network(std::int64_t images, DType dtype, double dropout_p) {
  Network network{Graph(dtype, Layout::dense), {}, {}, {}, {}, {}};
  Graph& graph = network.graph;
  network.images = graph.input("images", {dtype, {images, kRows, kColumns, kChannels}, Layout::dense});
  network.labels = graph.input("labels", {DType::i32, {images}, Layout::dense});
  network.counters = graph.input("counters", {DType::i64, {kStepCounters}, Layout::dense});
  const Value w = graph.parameter("w", {kClasses, kChannels}, {});
  const Value b = graph.parameter("b", {kClasses}, {});
  const Value features = dropout(graph, global_avg_pool(graph, network.images), network.counters, {dropout_p, 0});
  network.logits = linear(graph, features, w, b);
  network.loss = softmax_cross_entropy(graph, network.logits, network.labels);
  graph.keep(network.loss);
  append_gradients(graph, network.loss);
  return network;
}

/// Three domains' batches.
struct Batches {
  Batches() {
    RandomStream random(3, "batches");
    for (int domain = 0; domain < kDomains; ++domain) {
      for (int i = 0; i < kBatch * kRows * kColumns * kChannels; ++i)
        images[domain].push_back(static_cast<float>(random.normal() + domain));
      for (int i = 0; i < kBatch; ++i) labels[domain].push_back(static_cast<std::int32_t>(random.below(kClasses)));
    }
  }
  void stage(NetworkGradient& gradient) const {
    for (int domain = 0; domain < kDomains; ++domain)
      gradient.stage(domain, {.pixels = images[domain].data(), .labels = labels[domain]});
  }
  std::vector<float> images[kDomains];
  std::vector<std::int32_t> labels[kDomains];
};

/// What the network takes.
enum class Takes { one_domain, all_domains };

struct Fixture {
  explicit Fixture(Takes takes, DType dtype = DType::f64, double dropout_p = 0, std::uint64_t seed = 11)
      : gradient(backend, linear_network(takes == Takes::all_domains ? kBatch * kDomains : kBatch, dtype, dropout_p),
                 std::make_shared<Arena>(backend), statistics,
                 {.domains = kDomains, .domains_together = takes == Takes::all_domains, .seed = seed}),
        theta(backend, gradient.graph().theta_layout(), master_of(dtype)),
        g(backend, gradient.graph().theta_layout(), master_of(dtype)),
        loss_memory(backend, sizeof(double)),
        loss{loss_memory.data(), {master_of(dtype), {}, Layout::dense}} {
    Vector start(static_cast<std::size_t>(theta.layout().parameters()));
    RandomStream random(5, "theta");
    for (double& value : start) value = random.normal();
    write(backend, theta, start);
  }
  void begin(std::int64_t step = 0, const std::vector<int>& order = {0, 1, 2}) {
    batches.stage(gradient);
    gradient.begin_step(step, order);
  }
  /// Gradient and, as its last element, loss.
  Vector result() {
    Vector values = read(backend, g);
    if (loss.dtype() == DType::f64) {
      values.push_back(0);
      backend.download(&values.back(), loss);
    } else {
      float value = 0;
      backend.download(&value, loss);
      values.push_back(value);
    }
    return values;
  }
  Vector of_batch(int j) {
    gradient.of_batch(j, theta, g, loss);
    return result();
  }
  Vector of_mean() {
    gradient.of_mean(theta, g, loss);
    return result();
  }

  CpuBackend backend;
  FlatVector statistics;  ///< none
  NetworkGradient gradient;
  FlatVector theta, g;
  Buffer loss_memory;
  Tensor loss;
  Batches batches;
};

}  // namespace

TEST_CASE("the mean over S runs of a network for one domain is one run of the network for all") {
  Fixture small(Takes::one_domain), large(Takes::all_domains);
  small.begin();
  large.begin();
  const Vector mean = small.of_mean();
  CHECK(distance(mean, large.of_mean()) < 1e-14);
  Vector sum(mean.size(), 0.0);
  for (int j = 0; j < kDomains; ++j) sum = plus(sum, 1.0 / kDomains, small.of_batch(j));
  CHECK(distance(mean, sum) < 1e-15);
  CHECK(norm_of(mean) > 0.1);
}

TEST_CASE("batch j is the one of the order's domain j") {
  Fixture fixture(Takes::one_domain);
  fixture.begin();
  const std::vector<Vector> by_domain = {fixture.of_batch(0), fixture.of_batch(1), fixture.of_batch(2)};
  CHECK(distance(by_domain[0], by_domain[1]) > 1e-2);
  fixture.begin(1, {2, 0, 1});
  CHECK(fixture.of_batch(0) == by_domain[2]);
  CHECK(fixture.of_batch(1) == by_domain[0]);
  CHECK(fixture.of_batch(2) == by_domain[1]);
  CHECK(fixture.of_batch(0) == by_domain[2]);
}

TEST_CASE("images reach every activation type") {
  Fixture f64(Takes::one_domain), f32(Takes::one_domain, DType::f32), bf16(Takes::one_domain, DType::bf16);
  for (Fixture* const fixture : {&f64, &f32, &bf16}) fixture->begin();
  for (int j = 0; j < kDomains; ++j) {
    const Vector exact = f64.of_batch(j);
    CHECK(distance(f32.of_batch(j), exact) < 1e-5);
    CHECK(distance(bf16.of_batch(j), exact) < 5e-2);
  }
}

TEST_CASE("every pass of a step has its own dropout mask, and a repeated step the same ones") {
  const auto passes_of_step = [](std::int64_t step, std::uint64_t seed) {
    Fixture fixture(Takes::one_domain, DType::f64, 0.5, seed);
    fixture.begin(step);
    std::vector<Vector> passes;
    for (int pass = 0; pass < 2 * kDomains; ++pass) passes.push_back(fixture.of_batch(0));
    CHECK_THROWS_AS(fixture.of_batch(0), Error);  // a step ends after 2S passes
    return passes;
  };
  const std::vector<Vector> passes = passes_of_step(4, 11);
  for (std::size_t a = 0; a < passes.size(); ++a) {
    for (std::size_t b = 0; b < a; ++b) CHECK(passes[a] != passes[b]);
  }
  CHECK(passes == passes_of_step(4, 11));
  CHECK(passes[0] != passes_of_step(5, 11)[0]);
  CHECK(passes[0] != passes_of_step(4, 12)[0]);
}

TEST_CASE("a network trains through the methods, without allocating after the first step") {
  for (const Takes takes : {Takes::one_domain, Takes::all_domains}) {
    for (const MethodOptions& options :
         {plain_method("erm"), plain_method("sam"), dgsam_options(DgsamGradients::all, DgsamScale::sum, kDomains)}) {
      if (takes == Takes::all_domains && options.name == "dgsam") continue;
      CAPTURE(options.name);
      Fixture fixture(takes, DType::f32);
      const auto base = make_base_optimizer(fixture.backend, fixture.theta, adam(0.05, 0));
      const auto method = make_method(fixture.backend, *base, fixture.theta, kDomains, options);
      std::int64_t allocations = 0;
      double first = 0;
      for (std::int64_t step = 0; step < 30; ++step) {
        fixture.batches.stage(fixture.gradient);
        method->step(step, fixture.theta, fixture.gradient);
        if (step == 0) first = method->report().losses[0];
        if (step == 0) allocations = fixture.backend.allocations();
      }
      CHECK(fixture.backend.allocations() == allocations);
      CHECK(method->report().losses[0] < 0.8 * first);
    }
  }
}

TEST_CASE("what a gradient cannot do is an error: no batch, one of another size, a network that does not fit") {
  Fixture fixture(Takes::one_domain);
  fixture.begin();
  const auto error_of = [](const auto& action) -> std::string {
    try {
      action();
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  };
  CHECK(error_of([&] {
          fixture.gradient.begin_step(1, std::vector{0, 1, 2});
        }) == "step 1 has no batch of domain 0");  // the batches were used up
  const std::vector<std::int32_t> labels(kBatch - 1);
  CHECK(error_of([&] { fixture.gradient.stage(0, {.pixels = fixture.batches.images[0].data(), .labels = labels}); }) ==
        "a batch of 3 images for a network of 4");
  Fixture large(Takes::all_domains);
  large.begin();
  CHECK_THROWS_AS(large.of_batch(0), Error);
  const auto construct = [&](std::int64_t images, int domains) {
    NetworkGradient(fixture.backend, linear_network(images, DType::f32, 0), std::make_shared<Arena>(fixture.backend),
                    fixture.statistics, {.domains = domains, .domains_together = true});
  };
  CHECK(error_of([&] { construct(4, 3); }) == "a network for 4 images cannot take 3 equal batches");
  CHECK_THROWS_AS(construct(4, 0), Error);
}

TEST_CASE("a batch on the device: short ones leave the rest alone, and what does not fit is an error") {
  CpuBackend backend;
  const Type type{DType::bf16, {2, 1, 1, 2}, Layout::dense};
  DeviceBatch batch(backend, type, 2);
  const std::vector<float> pixels = {1, 2, 3, 4};
  const std::vector<std::int32_t> labels = {5, 6};
  batch.load({.pixels = pixels.data(), .labels = labels}, 1);
  batch.load({.pixels = pixels.data(), .labels = std::span(labels).first(1)}, 0);
  batch.load({.make = [&](Tensor images) { backend.fill(images, 9); }, .labels = std::span(labels).first(1)}, 1);
  std::vector<std::int32_t> found(4);
  backend.download(found.data(), batch.labels(0, 2));
  CHECK(found == std::vector<std::int32_t>{5, 0, 5, 6});
  Buffer memory(backend, 8 * sizeof(float));
  const Tensor f32{memory.data(), {DType::f32, {4, 1, 1, 2}, Layout::dense}};
  backend.cast(batch.images(0, 2), f32);
  std::vector<float> values(8);
  backend.download(values.data(), f32);
  CHECK(values == std::vector<float>{1, 2, 0, 0, 9, 9, 3, 4});
  CHECK_THROWS_AS(batch.load({.pixels = pixels.data(), .labels = labels}, 2), Error);
  CHECK_THROWS_AS(batch.load({.pixels = pixels.data(), .labels = std::vector<std::int32_t>(3)}), Error);
  CHECK_THROWS_AS(batch.load({.labels = labels}), Error);
}
