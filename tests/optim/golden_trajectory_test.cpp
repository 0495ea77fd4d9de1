// Ten steps of every method on small ResNets, against PyTorch. tests/golden/torch/make_golden.py has the formulas of
// the inputs and wrote the expected losses and norms.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "models/network_gradient.h"
#include "optim/make_method.h"
#include "tests/optim/golden_backends.h"
#include "tests/optim/quadratics.h"

using namespace dgsam;
using nlohmann::json;

namespace {

const json& golden() {
  static const json file =
      json::parse(std::ifstream(DGSAM_SOURCE_DIR "/tests/golden/torch/trajectories.json"), nullptr, true);
  return file;
}

/// u(name, 0), u(name, 1), ...: a splitmix64 generator that is seeded with the hash of the name.
class Uniform {
 public:
  explicit Uniform(const std::string& name) {
    for (const char letter : name) state_ = (state_ ^ static_cast<unsigned char>(letter)) * 0x100000001b3u;
  }
  double operator()() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return static_cast<double>((z ^ z >> 31) >> 11) * 0x1p-53;
  }

 private:
  std::uint64_t state_ = 0xcbf29ce484222325u;
};

/// From PyTorch's N,C,H,W to N,H,W,C, which also takes weights from K,C,R,S to K,R,S,C.
template <class T>
std::vector<T> channels_last(const std::vector<T>& values, const Shape& nhwc) {
  const std::int64_t rows = nhwc[1], columns = nhwc[2], channels = nhwc[3];
  std::vector<T> moved;
  for (std::int64_t n = 0; n < nhwc[0]; ++n) {
    for (std::int64_t pixel = 0; pixel < rows * columns; ++pixel) {
      for (std::int64_t c = 0; c < channels; ++c)
        moved.push_back(values[static_cast<std::size_t>((n * channels + c) * rows * columns + pixel)]);
    }
  }
  return moved;
}

/// The initial value of a parameter or buffer, in PyTorch's order.
Vector state_value(const std::string& name, const Shape& shape) {
  Uniform u(name);
  Vector values(static_cast<std::size_t>(shape.elements()));
  for (double& value : values) {
    if (shape.rank() == 4) {
      value = (2 * u() - 1) * std::sqrt(3.0 / static_cast<double>(shape[1] * shape[2] * shape[3]));
    } else if (name.starts_with("fc.")) {
      value = (2 * u() - 1) * 0.125;
    } else if (name.ends_with(".weight")) {
      value = 0.25 + u() / 2;
    } else if (name.ends_with(".bias")) {
      const double drawn = u();
      value = drawn < 0.25 ? -1 - drawn : 1 + drawn;
    } else if (name.ends_with(".running_mean")) {
      value = (2 * u() - 1) * 0.2;
    } else {
      value = 0.5 + u();
    }
    value = static_cast<float>(value);
  }
  return values;
}

void initialise_by_name(Backend& backend, FlatVector& vector) {
  Vector all;
  for (const FlatLayout::Segment& segment : vector.layout().segments()) {
    Vector values = state_value(segment.name, segment.shape);
    if (segment.shape.rank() == 4) values = channels_last(values, segment.shape);
    all.insert(all.end(), values.begin(), values.end());
  }
  write(backend, vector, all);
}

struct Batch {
  std::vector<float> images;
  std::vector<std::int32_t> labels;
};

Batch make_batch(int domain, std::int64_t step) {
  const int count = golden()["batch"], size = golden()["image_size"], classes = golden()["classes"];
  const std::string suffix = std::to_string(domain) + "/" + std::to_string(step);
  Uniform pixel("image/" + suffix), label("labels/" + suffix);
  Batch batch;
  for (int i = 0; i < count * 3 * size * size; ++i)
    batch.images.push_back(static_cast<float>((4 * pixel() - 2) + 0.25 * domain));
  batch.images = channels_last(batch.images, {count, size, size, 3});
  for (int i = 0; i < count; ++i) batch.labels.push_back(static_cast<std::int32_t>(classes * label()));
  return batch;
}

ResNetSpec model_named(const std::string& name) {
  if (name == "tiny-basic") return {ResNetSpec::Block::basic, {1, 1, 1}, {16, 32, 64}, 16, 3};
  return {ResNetSpec::Block::bottleneck, {1, 1}, {8, 16}, 16, 3};
}

MethodOptions method_of(const json& run) {
  MethodOptions options;
  options.name = run["method"];
  options.rho = golden()["rho"];
  options.order = [](std::int64_t step) { return golden()["orders"][static_cast<std::size_t>(step)]; };
  const std::string gradients = run.value("gradients", "all"), scale = run.value("scale", "sum");
  options.gradients = gradients == "all"         ? DgsamGradients::all
                      : gradients == "perturbed" ? DgsamGradients::perturbed
                                                 : DgsamGradients::fresh;
  options.scale = scale == "sum" ? DgsamScale::sum : DgsamScale::mean;
  options.gsam_alpha = options.sagm_alpha = run.value("alpha", 0.0);
  options.disam_lambda = run.value("lambda", 0.0);
  options.adaptive = run.value("adaptive", false);
  return options;
}

OptimizerOptions optimizer_of(const json& run) {
  OptimizerOptions options;
  options.name = run["optimizer"];
  const json& settings = golden()["optimizers"][options.name];
  options.learning_rate = settings["lr"];
  options.weight_decay = settings["weight_decay"];
  options.momentum = settings.value("momentum", 0.0);
  options.nesterov = settings.value("nesterov", false);
  return options;
}

/// Losses and norms of one recorded step, in the order of our passes.
StepReport expected_report(const json& run, std::size_t step) {
  if (run["method"] == "dgsam" || run["method"] == "disam") return {run["losses"][step], run["norms"][step], {}};
  if (run["method"] == "erm") return {{run["loss"][step]}, {run["descent_norm"][step]}, {}};
  const json& norms = run["norms"][step];
  if (norms.is_array()) return {{run["loss"][step], run["perturbed_loss"][step]}, norms, {}};
  return {{run["loss"][step], run["perturbed_loss"][step]}, {norms, run["descent_norm"][step]}, {}};
}

double sum_of(const Vector& values, bool squared = false) {
  double sum = 0;
  for (const double value : values) sum += squared ? value * value : value;
  return sum;
}

/// Trains as the recorded run did and returns the largest relative difference in losses; checks all quantities.
double replay(Backend& backend, const json& run, double tolerance) {
  const auto near = [&](double value, double expected, double factor) {
    return std::abs(value - expected) <= factor * tolerance * std::abs(expected);
  };
  const int domains = golden()["domains"], classes = golden()["classes"];
  NetworkOptions options;
  options.batch = golden()["batch"];
  options.image_size = golden()["image_size"];
  options.activation = run["precision"] == "f64" ? DType::f64 : DType::f32;
  options.adapt_to(backend);
  options.batch_norm = run["batch_norm"] == "frozen" ? BatchNormMode::frozen : BatchNormMode::batch;
  const ResNetSpec model = model_named(run["model"]);

  // ERM and SAM look at all domains together; with frozen statistics a sum over the domains is the same.
  const bool whole =
      options.batch_norm == BatchNormMode::batch && !takes_single_domains(run["method"].get<std::string>());
  if (whole) options.batch *= domains;
  Network network = build_network(model, classes, options);
  FlatVector theta(backend, network.graph.theta_layout(), network.graph.master());
  FlatVector statistics(backend, network.graph.statistic_layout(), network.graph.master());
  initialise_by_name(backend, theta);
  initialise_by_name(backend, statistics);

  NetworkGradient gradient(backend, std::move(network), std::make_shared<Arena>(backend), statistics,
                           {.domains = domains, .domains_together = whole});
  const auto base = make_base_optimizer(backend, theta, optimizer_of(run));
  const auto method = make_method(backend, *base, theta, domains, method_of(run));
  double worst = 0;
  for (std::int64_t step = 0; step < golden()["steps"]; ++step) {
    std::vector<Batch> batches;
    for (int domain = 0; domain < domains; ++domain) batches.push_back(make_batch(domain, step));
    for (int domain = 0; domain < domains; ++domain) {
      const Batch& batch = batches[static_cast<std::size_t>(domain)];
      gradient.stage(domain, {.pixels = batch.images.data(), .labels = batch.labels});
    }
    method->step(step, theta, gradient);
    const StepReport report = method->report(), expected = expected_report(run, static_cast<std::size_t>(step));
    REQUIRE(report.losses.size() == expected.losses.size());
    for (std::size_t pass = 0; pass < report.losses.size(); ++pass) {
      CHECK(near(report.losses[pass], expected.losses[pass], 1));
      worst = std::max(worst, std::abs(report.losses[pass] / expected.losses[pass] - 1));
    }
    for (std::size_t pass = 0; pass < expected.norms.size(); ++pass)
      CHECK(near(report.norms[pass], expected.norms[pass], 10));
  }
  if (run.contains("final")) {
    CHECK(near(sum_of(read(backend, theta)), run["final"]["parameter_sum"], 1));
    CHECK(near(sum_of(read(backend, theta), true), run["final"]["parameter_square_sum"], 1));
    double mean = 0, variance = 0;
    for (const FlatLayout::Segment& segment : statistics.layout().segments()) {
      Vector values(static_cast<std::size_t>(segment.shape.elements()));
      backend.download(values.data(), statistics.segment(segment));
      (segment.name.ends_with("running_mean") ? mean : variance) += sum_of(values);
    }
    CHECK(near(mean, run["final"]["running_mean_sum"], 10));
    CHECK(near(variance, run["final"]["running_var_sum"], 1));
  }
  return worst;
}

/// The settings of a recorded run, without its results.
std::string title_of(const json& run) {
  json settings = run;
  for (const char* const results : {"loss", "losses", "perturbed_loss", "norms", "descent_norm", "final"})
    settings.erase(results);
  return settings.dump();
}

/// The runs of one method in one precision, on every backend that this program has for it.
void replay_all(const std::string& method, DType precision) {
  for (const GoldenBackend& entry : golden_backends()) {
    if (entry.precision != precision) continue;
    CAPTURE(entry.label);
    double worst = 0;
    int recorded = 0, found = 0, replayed = 0;
    for (const json& run : golden()["runs"]) {
      if (run["precision"] != name_of(precision)) continue;
      const bool chosen = recorded++ % entry.every == 0;
      if (run["method"] != method) continue;
      ++found;
      if (!chosen) continue;
      const std::string title = title_of(run);
      CAPTURE(title);
      // Scaling by |theta| leaves the ascent to few parameters, and batch statistics amplify the rounding of their
      // gradients: in f32 such runs drift apart by some 1e-4, while those in f64 stay within the usual bound.
      const bool sensitive = precision == DType::f32 && run.value("adaptive", false) && run["batch_norm"] == "batch";
      worst = std::max(worst, replay(*entry.backend, run, entry.tolerance * (sensitive ? 20 : 1)));
      ++replayed;
    }
    CHECK(found >= 4);
    MESSAGE(entry.label << ", " << method << ", " << name_of(precision) << ": " << replayed << " of " << found
                        << " runs, losses differ by at most " << worst);
  }
}

}  // namespace

TEST_CASE("the inputs of the recorded trajectories are rebuilt to the bit") {
  const json& inputs = golden()["inputs"];
  for (const char* const name : {"conv1.weight", "bn1.running_var", "fc.bias"}) {
    const Shape shape = std::string(name) == "conv1.weight" ? Shape{16, 7, 7, 3} : Shape{16};
    Vector values = state_value(name, shape);
    values.resize(3);
    CHECK(values == inputs[name].get<Vector>());
  }
  const Batch batch = make_batch(2, 7);
  const Vector images = inputs["image/2/7"];  // the first pixels of channel 0
  for (std::size_t i = 0; i < images.size(); ++i) CHECK(batch.images[3 * i] == images[i]);
  CHECK(batch.labels == inputs["labels/2/7"].get<std::vector<std::int32_t>>());
}

TEST_CASE("every recorded trajectory is of a method that is replayed below") {
  for (const json& run : golden()["runs"]) {
    const std::string method = run["method"];
    CHECK((method == "erm" || method == "sam" || method == "gsam" || method == "sagm" || method == "disam" ||
           method == "dgsam"));
  }
}

// A case each, so that they run side by side.
TEST_CASE("every backend follows PyTorch's trajectories of ERM in f32 within its tolerance") {
  replay_all("erm", DType::f32);
}
TEST_CASE("every backend follows PyTorch's trajectories of ERM in f64 within its tolerance") {
  replay_all("erm", DType::f64);
}
TEST_CASE("every backend follows PyTorch's trajectories of SAM in f32 within its tolerance") {
  replay_all("sam", DType::f32);
}
TEST_CASE("every backend follows PyTorch's trajectories of SAM in f64 within its tolerance") {
  replay_all("sam", DType::f64);
}
TEST_CASE("every backend follows PyTorch's trajectories of GSAM in f32 within its tolerance") {
  replay_all("gsam", DType::f32);
}
TEST_CASE("every backend follows PyTorch's trajectories of GSAM in f64 within its tolerance") {
  replay_all("gsam", DType::f64);
}
TEST_CASE("every backend follows PyTorch's trajectories of SAGM in f32 within its tolerance") {
  replay_all("sagm", DType::f32);
}
TEST_CASE("every backend follows PyTorch's trajectories of SAGM in f64 within its tolerance") {
  replay_all("sagm", DType::f64);
}
TEST_CASE("every backend follows PyTorch's trajectories of DISAM in f32 within its tolerance") {
  replay_all("disam", DType::f32);
}
TEST_CASE("every backend follows PyTorch's trajectories of DISAM in f64 within its tolerance") {
  replay_all("disam", DType::f64);
}
TEST_CASE("every backend follows PyTorch's trajectories of DGSAM in f32 within its tolerance") {
  replay_all("dgsam", DType::f32);
}
TEST_CASE("every backend follows PyTorch's trajectories of DGSAM in f64 within its tolerance") {
  replay_all("dgsam", DType::f64);
}
