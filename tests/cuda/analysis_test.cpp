// Worst cases and curvature of a network's loss through the CUDA kernels: the CPU's figures.
#include <doctest/doctest.h>

#include <numeric>
#include <vector>

#include "engine/cpu/make_cpu_backend.h"
#include "engine/cuda/cuda_kernel_backend.h"
#include "optim/analysis/hessian.h"
#include "optim/analysis/worst_case.h"
#include "tests/cuda/network_training.h"

using namespace dgsam;

namespace {

/// Of the small network on one batch of noise.
class NetworkLoss final : public Loss {
 public:
  explicit NetworkLoss(Backend& backend)
      : backend_(&backend), training_(backend, "erm"), batch_(backend, image_type(graph())) {
    std::vector<float> pixels(static_cast<std::size_t>(image_type(graph()).elements()));
    RandomStream random(5, "images");
    for (float& pixel : pixels) pixel = static_cast<float>(random.normal());
    std::vector<std::int32_t> labels(NetworkTraining::kBatch);
    std::iota(labels.begin(), labels.end(), 0);
    batch_.load({.pixels = pixels.data(), .labels = labels});
  }

  double loss(const FlatVector& theta) override {
    run(theta, nullptr);
    float value = 0;
    backend_->download(&value, training_.gradient.program().value(training_.loss));
    return value;
  }
  void gradient(const FlatVector& theta, FlatVector& g) override { run(theta, &g); }

  const FlatVector& theta() const { return training_.theta; }

 private:
  const Graph& graph() const { return training_.gradient.graph(); }
  void run(const FlatVector& theta, FlatVector* g) {
    FlatVector& gradient = g ? *g : unused_;
    training_.gradient.program().run(
        {.theta = &theta, .gradient = &gradient, .statistics = &training_.statistics, .inputs = batch_.inputs()});
  }

  Backend* backend_;
  NetworkTraining training_;
  DeviceBatch batch_;
  FlatVector unused_{*backend_, training_.theta.shared_layout(), DType::f32};
};

struct Measured {
  WorstCase worst;
  std::vector<Eigenvalue> eigenvalues;
  Trace trace;
};

Measured measured(Backend& backend) {
  NetworkLoss loss(backend);
  const std::vector<double> radii{0.05, 0.2};
  HessianProduct hessian(backend, loss, loss.theta(), 1e-2);
  return {worst_case(backend, loss, loss.theta(), radii, {.steps = 3, .restarts = 2, .seed = 1}),
          largest_eigenvalues(hessian, {.top = 2, .steps = 6, .seed = 1}), hessian_trace(hessian, 2, 1)};
}

}  // namespace

TEST_CASE("worst cases, eigenvalues and traces through the CUDA kernels are the CPU's") {
  CudaKernelBackend cuda;
  const auto cpu = make_cpu_backend({.threads = 1}, false);
  const Measured expected = measured(*cpu), found = measured(cuda);
  CHECK(found.worst.loss == doctest::Approx(expected.worst.loss).epsilon(1e-5));
  for (const std::size_t i : {0u, 1u}) {
    const LossIncrease &a = found.worst.increases.at(i), &b = expected.worst.increases.at(i);
    CHECK(b.one_step > 0);
    CHECK(b.multi_step > b.one_step);
    CHECK(a.one_step == doctest::Approx(b.one_step).epsilon(1e-3));
    CHECK(a.multi_step == doctest::Approx(b.multi_step).epsilon(1e-2));
    CHECK(expected.eigenvalues.at(i).value > 0);
    CHECK(found.eigenvalues.at(i).value == doctest::Approx(expected.eigenvalues[i].value).epsilon(2e-2));
  }
  CHECK(found.trace.mean == doctest::Approx(expected.trace.mean).epsilon(5e-2));
}
