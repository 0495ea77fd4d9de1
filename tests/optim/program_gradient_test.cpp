// The adapter from recorded programs to gradients: which batch goes where, means over batches, pass counters.
#include "optim/program_gradient.h"

#include <doctest/doctest.h>

#include <memory>
#include <optional>
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
struct LinearModel {
  LinearModel(Backend& backend, std::int64_t images, DType dtype, double dropout_p) {
    Graph graph(dtype, Layout::dense);
    const Value x = graph.input("images", {dtype, {images, kRows, kColumns, kChannels}, Layout::dense});
    const Value labels = graph.input("labels", {DType::i32, {images}, Layout::dense});
    const Value counters = graph.input("counters", {DType::i64, {kStepCounters}, Layout::dense});
    const Value w = graph.parameter("w", {kClasses, kChannels}, {});
    const Value b = graph.parameter("b", {kClasses}, {});
    const Value features = dropout(graph, global_avg_pool(graph, x), counters, {dropout_p, 0});
    loss = softmax_cross_entropy(graph, linear(graph, features, w, b), labels);
    graph.keep(loss);
    append_gradients(graph, loss);
    layout = graph.theta_layout();
    program.emplace(std::move(graph), backend, std::make_shared<Arena>(backend));
  }
  LossProgram loss_program() { return {&*program, loss}; }

  std::shared_ptr<const FlatLayout> layout;
  Value loss;
  std::optional<Program> program;
};

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
  void stage(ProgramGradient& gradient) const {
    for (int domain = 0; domain < kDomains; ++domain)
      gradient.stage(domain, images[domain].data(), labels[domain].data());
  }
  std::vector<float> images[kDomains];
  std::vector<std::int32_t> labels[kDomains];
};

enum class Programs { batch, all, both };

struct Fixture {
  explicit Fixture(Programs programs, DType dtype = DType::f64, double dropout_p = 0, std::uint64_t seed = 11)
      : batch(backend, kBatch, dtype, dropout_p),
        all(backend, kBatch * kDomains, dtype, dropout_p),
        gradient(backend, programs == Programs::all ? LossProgram{} : batch.loss_program(),
                 programs == Programs::batch ? LossProgram{} : all.loss_program(), nullptr, kDomains, seed),
        theta(backend, batch.layout, master_of(dtype)),
        g(backend, batch.layout, master_of(dtype)),
        loss_memory(backend, sizeof(double)),
        loss{loss_memory.data(), {master_of(dtype), {}, Layout::dense}} {
    Vector start(static_cast<std::size_t>(batch.layout->parameters()));
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
  LinearModel batch, all;
  ProgramGradient gradient;
  FlatVector theta, g;
  Buffer loss_memory;
  Tensor loss;
  Batches batches;
};

}  // namespace

TEST_CASE("the mean over S runs of the small program is one run of the large one") {
  Fixture small(Programs::batch), large(Programs::all);
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
  Fixture fixture(Programs::both);
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
  Fixture f64(Programs::both), f32(Programs::both, DType::f32), bf16(Programs::both, DType::bf16);
  for (Fixture* const fixture : {&f64, &f32, &bf16}) fixture->begin();
  for (int j = 0; j < kDomains; ++j) {
    const Vector exact = f64.of_batch(j);
    CHECK(distance(f32.of_batch(j), exact) < 1e-5);
    CHECK(distance(bf16.of_batch(j), exact) < 5e-2);
  }
}

TEST_CASE("every pass of a step has its own dropout mask, and a repeated step the same ones") {
  const auto passes_of_step = [](std::int64_t step, std::uint64_t seed) {
    Fixture fixture(Programs::both, DType::f64, 0.5, seed);
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
  for (const Programs programs : {Programs::batch, Programs::both}) {
    for (const MethodOptions& options :
         {plain_method("erm"), plain_method("sam"), dgsam_options(DgsamGradients::all, DgsamScale::sum, kDomains)}) {
      CAPTURE(options.name);
      Fixture fixture(programs, DType::f32);
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

TEST_CASE("what a gradient cannot do is an error: no batch, no program, programs that do not fit") {
  Fixture fixture(Programs::both);
  fixture.begin();
  CHECK_THROWS_AS(fixture.gradient.begin_step(1, std::vector{0, 1, 2}), Error);  // the batches were used up
  Fixture large(Programs::all);
  large.begin();
  CHECK_THROWS_AS(large.of_batch(0), Error);
  const auto construct = [&](const LossProgram& one, const LossProgram& all) {
    ProgramGradient(fixture.backend, one, all, nullptr, kDomains, 0);
  };
  CHECK_THROWS_AS(construct({}, {}), Error);
  CHECK_THROWS_AS(construct(fixture.batch.loss_program(), fixture.batch.loss_program()), Error);
  CHECK_THROWS_AS(construct({}, fixture.batch.loss_program()), Error);  // 4 images are not 3 equal batches
}
