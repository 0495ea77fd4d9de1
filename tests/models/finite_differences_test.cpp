// Whole networks against central finite differences, in double.
//
// The loss is only piecewise smooth: when a step of a parameter carries some ReLU or max pool over its kink, the
// central difference sees a mean of two slopes, however exact the gradient is. A kink within h of the point is ever
// rarer for smaller h, while rounding grows as 1/h. So each sample is tried with falling steps, and the first that
// agrees counts: a wrong gradient agrees with none.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <utility>
#include <vector>

#include "tests/models/networks.h"

using namespace dgsam;

namespace {

using Segment = FlatLayout::Segment;

constexpr double kTolerance = 1e-6;
constexpr std::array kSteps{1e-5, 2e-6, 4e-7};

/// The same network without its gradients.
Network forward_only(Network network) {
  std::vector<Node> nodes = network.graph.nodes();
  const auto producer = static_cast<std::size_t>(network.graph.info(network.loss).producer);
  nodes.resize(producer + 1);
  network.graph.replace_nodes(std::move(nodes));
  return network;
}

/// A network whose parameters and statistics are all in general position, with its gradient there.
class Checked {
 public:
  /// `build` makes the network; called twice.
  template <class Build>
  Checked(Backend& backend, const Build& build) : backend_(backend), forward_(backend, forward_only(build())) {
    RunningNetwork network(backend, build());
    scatter_batch_norms(network, backend);
    scatter_batch_norms(forward_, backend);
    network.run();
    gradient_ = network.downloaded(network.gradient.all());
    theta_ = network.downloaded(network.theta.all());
  }

  const FlatLayout& layout() const { return forward_.theta.layout(); }

  /// Relative error of dL/dθ·direction, for a direction that is zero outside [begin, begin + direction.size()).
  double error(std::size_t begin, const std::vector<double>& direction, double scale) {
    double predicted = 0;
    for (std::size_t i = 0; i < direction.size(); ++i) predicted += gradient_[begin + i] * direction[i];
    double best = 1e300;
    for (const double h : kSteps) {
      const double measured = (loss_at(begin, direction, h) - loss_at(begin, direction, -h)) / (2 * h);
      best = std::min(best, std::abs(measured - predicted) / std::max(std::abs(predicted), scale));
      if (best <= kTolerance) break;
    }
    upload(begin, {theta_.data() + begin, direction.size()});
    return best;
  }

  /// The root mean square of a segment's gradient: what an element's error is measured against when the element's own
  /// derivative happens to be smaller.
  double scale(const Segment& segment) const {
    double sum = 0;
    const auto n = static_cast<std::size_t>(segment.shape.elements());
    for (std::size_t i = 0; i < n; ++i) sum += std::pow(gradient_[static_cast<std::size_t>(segment.offset) + i], 2);
    return std::sqrt(sum / static_cast<double>(n));
  }

 private:
  double loss_at(std::size_t begin, const std::vector<double>& direction, double h) {
    std::vector<double> moved(direction.size());
    for (std::size_t i = 0; i < moved.size(); ++i) moved[i] = theta_[begin + i] + h * direction[i];
    upload(begin, moved);
    return forward_.run();
  }
  void upload(std::size_t begin, std::span<const double> values) {
    double* const to = forward_.theta.all().as<double>() + begin;
    backend_.upload({to, {DType::f64, {static_cast<std::int64_t>(values.size())}, Layout::dense}}, values.data());
  }

  Backend& backend_;
  RunningNetwork forward_;
  std::vector<double> gradient_, theta_;
};

/// Checks two elements of each kind of parameter, drawn over all layers, and one direction through all of θ.
template <class Build>
void check_gradient(const Build& build) {
  const auto backend = plain_backend();
  Checked checked(*backend, build);
  RandomStream random(21, "samples");
  double worst = 0;
  const auto is_filter = [](const Segment& s) { return s.shape.rank() == 4; };
  const auto is_matrix = [](const Segment& s) { return s.shape.rank() == 2; };
  const auto is_gamma = [](const Segment& s) { return s.shape.rank() == 1 && s.name.ends_with("weight"); };
  const auto is_shift = [](const Segment& s) { return s.name.ends_with("bias"); };
  const std::vector<bool (*)(const Segment&)> kinds{is_filter, is_matrix, is_gamma, is_shift};
  for (const auto kind : kinds) {
    std::vector<const Segment*> segments;
    for (const Segment& segment : checked.layout().segments()) {
      if (kind(segment)) segments.push_back(&segment);
    }
    for (int sample = 0; sample < 2; ++sample) {
      const Segment& segment = *segments[random.below(segments.size())];
      const std::uint64_t element = random.below(static_cast<std::uint64_t>(segment.shape.elements()));
      const double error =
          checked.error(static_cast<std::size_t>(segment.offset) + element, {1.0}, checked.scale(segment));
      CHECK_MESSAGE(error <= kTolerance, segment.name, " element ", element, ": relative error ", error);
      worst = std::max(worst, error);
    }
  }
  // Every parameter at once. Of length about 1, so that h is what moves.
  std::vector<double> direction(static_cast<std::size_t>(checked.layout().elements()), 0.0);
  const double length = 1 / std::sqrt(static_cast<double>(checked.layout().parameters()));
  for (const Segment& segment : checked.layout().segments()) {
    for (std::int64_t i = 0; i < segment.shape.elements(); ++i) {
      direction[static_cast<std::size_t>(segment.offset + i)] = length * random.uniform(-1, 1);
    }
  }
  const double error = checked.error(0, direction, 0);
  CHECK_MESSAGE(error <= kTolerance, "a direction through all parameters: relative error ", error);
  MESSAGE("worst relative error ", worst, ", along all parameters ", error);
}

void check_resnet(const ResNetSpec& spec, int batch, BatchNormMode mode) {
  check_gradient([&] { return build_network(spec, 5, small_options(batch, mode)); });
}

/// ResNet-50's blocks, two of them: one with a strided shortcut, as every stage but the first begins.
ResNetSpec two_block_resnet50() {
  return {.block = ResNetSpec::Block::bottleneck, .blocks = {1, 1}, .planes = {64, 128}};
}

}  // namespace

TEST_CASE("ResNet-18 with frozen batch norm: gradients agree with finite differences to 1e-6") {
  check_resnet(resnet18(), 2, BatchNormMode::frozen);
}

TEST_CASE("ResNet-18 with batch statistics: gradients agree with finite differences to 1e-6") {
  check_resnet(resnet18(), 3, BatchNormMode::batch);
}

TEST_CASE("a two-block ResNet-50 with frozen batch norm: gradients agree with finite differences to 1e-6") {
  check_resnet(two_block_resnet50(), 2, BatchNormMode::frozen);
}

TEST_CASE("a two-block ResNet-50 with batch statistics: gradients agree with finite differences to 1e-6") {
  check_resnet(two_block_resnet50(), 3, BatchNormMode::batch);
}

TEST_CASE("bottlenecks whose ReLUs are differentiated within a product: gradients agree to 1e-6") {
  NetworkOptions options = small_options(2);
  options.compile.relu_mask_bits = 128;
  check_gradient([&] {
    return build_network({.block = ResNetSpec::Block::bottleneck, .blocks = {2, 2}, .planes = {8, 16}, .stem = 16}, 5,
                         options);
  });
}

TEST_CASE("the MNIST CNN: gradients agree with finite differences to 1e-6") {
  check_gradient([] { return build_network({"mnist-cnn", 5, 2}, small_options(2)); });
}
