// How parameters start.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "tests/models/vectors.h"

using namespace dgsam;

namespace {

struct Moments {
  double mean = 0, deviation = 0, largest = 0;
};

Moments moments(const std::vector<float>& sample) {
  Moments m;
  for (const float x : sample) {
    m.mean += x;
    m.deviation += static_cast<double>(x) * x;
    m.largest = std::max(m.largest, std::abs(static_cast<double>(x)));
  }
  const auto n = static_cast<double>(sample.size());
  m.mean /= n;
  m.deviation = std::sqrt(m.deviation / n - m.mean * m.mean);
  return m;
}

}  // namespace

TEST_CASE("ResNet starts as PyTorch's: convolutions N(0, 2/(K R S)), gamma 1, beta 0, fc U(+-1/sqrt(in))") {
  const auto backend = plain_backend();
  const Network network = build_network({"resnet18", 100}, f32());
  Vectors vectors(*backend, network);
  for (const std::string name : {"conv1.weight", "layer1.0.conv1.weight", "layer4.0.downsample.0.weight"}) {
    const Shape shape = vectors.theta.layout().find(name)->shape;
    const double sigma = std::sqrt(2.0 / static_cast<double>(shape[0] * shape[1] * shape[2]));
    const Moments m = moments(values(*backend, vectors.theta, name));
    const double n = static_cast<double>(shape.elements());
    CAPTURE(name);
    CHECK(std::abs(m.mean) < 4 * sigma / std::sqrt(n));
    CHECK(m.deviation == doctest::Approx(sigma).epsilon(4 / std::sqrt(2 * n)));
    CHECK(m.largest > 3 * sigma);  // not uniform
  }
  const double bound = 1 / std::sqrt(512.0);
  for (const std::string name : {"fc.weight", "fc.bias"}) {
    const Moments m = moments(values(*backend, vectors.theta, name));
    CHECK(m.largest <= bound);
    CHECK(m.largest > 0.95 * bound);
    CHECK(m.deviation == doctest::Approx(bound / std::sqrt(3.0)).epsilon(name == "fc.weight" ? 0.01 : 0.2));
  }
  CHECK(values(*backend, vectors.theta, "layer2.0.bn2.weight") == std::vector<float>(128, 1));
  CHECK(values(*backend, vectors.theta, "layer2.0.bn2.bias") == std::vector<float>(128, 0));
  CHECK(values(*backend, vectors.statistics, "bn1.running_mean") == std::vector<float>(64, 0));
  CHECK(values(*backend, vectors.statistics, "layer4.1.bn2.running_var") == std::vector<float>(512, 1));
}

TEST_CASE("the MNIST CNN's convolutions start uniform in +-1/sqrt(C R S), weight and bias") {
  const auto backend = plain_backend();
  const Network network = build_network({"mnist-cnn", 10, 1}, {.batch = 1, .image_size = 28});
  Vectors vectors(*backend, network);
  for (const auto& [name, fan_in] : {std::pair{"conv1.weight", 9.0},
                                     {"conv1.bias", 9.0},
                                     {"conv3.weight", 1152.0},
                                     {"conv3.bias", 1152.0},
                                     {"classifier.weight", 128.0}}) {
    const Moments m = moments(values(*backend, vectors.theta, name));
    const double bound = 1 / std::sqrt(fan_in);
    CAPTURE(name);
    CHECK(m.largest <= bound);
    CHECK(m.largest > 0.9 * bound);
    CHECK(m.deviation == doctest::Approx(bound / std::sqrt(3.0)).epsilon(0.2));
  }
}

TEST_CASE("an initial value depends on the seed and the tensor's name, not on the other tensors") {
  const auto backend = plain_backend();
  const Network basic = build_network(tiny_basic(), 5, f32());
  ResNetSpec shorter = tiny_basic();
  shorter.blocks = {1, 1};
  shorter.planes = {16, 32};
  const Network small = build_network(shorter, 5, f32());
  const Vectors a(*backend, basic), again(*backend, basic), b(*backend, small), other_seed(*backend, basic, 2);
  CHECK(values(*backend, a.theta.all()) == values(*backend, again.theta.all()));
  for (const std::string name : {"conv1.weight", "layer2.0.conv2.weight"}) {
    CHECK(values(*backend, a.theta, name) == values(*backend, b.theta, name));
    CHECK(values(*backend, a.theta, name) != values(*backend, other_seed.theta, name));
  }
}
