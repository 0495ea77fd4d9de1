#include "tools/lab/sweep/sweep_grid.h"

#include <bit>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <set>

#include "data/splits.h"
#include "engine/core/check.h"
#include "optim/make_method.h"

namespace dgsam {

namespace {

/// numpy.random.RandomState.
class RandomState {
 public:
  explicit RandomState(std::uint32_t seed) : generator_(seed) {}

  double uniform(double low, double high) {
    const auto a = static_cast<double>(generator_() >> 5), b = static_cast<double>(generator_() >> 6);
    return low + (high - low) * ((a * 67108864 + b) / 9007199254740992);
  }
  double choice(const std::vector<double>& values) {
    const auto last = static_cast<std::uint32_t>(values.size() - 1);
    const std::uint32_t mask = std::bit_ceil(last + 1) - 1;
    auto draw = static_cast<std::uint32_t>(generator_()) & mask;
    while (draw > last) draw = static_cast<std::uint32_t>(generator_()) & mask;
    return values[draw];
  }

 private:
  std::mt19937 generator_;
};

/// All combinations of an object of lists.
std::vector<HparamValues> combinations(const HparamValues& lists, const std::string& path) {
  std::vector<HparamValues> choices{HparamValues::object()};
  for (const auto& [name, values] : lists.items()) {
    require(values.is_array() && !values.empty(), "--grid ", path, ": \"", name,
            "\" is not a list of values to try; a single value is [value]");
    std::vector<HparamValues> longer;
    for (const HparamValues& choice : choices) {
      for (const auto& value : values) {
        longer.push_back(choice);
        longer.back()[name] = value;
      }
    }
    choices = std::move(longer);
  }
  return choices;
}

}  // namespace

std::vector<HparamValues> swad_grid() {
  std::vector<HparamValues> choices;
  for (const double lr : {1e-5, 3e-5, 5e-5}) {
    for (const double dropout : {0.0, 0.1, 0.5}) {
      for (const double decay : {1e-4, 1e-6}) {
        choices.push_back({{"lr", lr}, {"dropout", dropout}, {"weight_decay", decay}});
      }
    }
  }
  return choices;
}

std::vector<HparamValues> grid_from_file(const std::string& path) {
  std::ifstream file(path);
  require(file.good(), "--grid ", path, " is not defaults, swad or domainbed-random, and there is no such file");
  const auto json = HparamValues::parse(file, nullptr, false);
  require(!json.is_discarded() && (json.is_object() || json.is_array()) && !json.empty(), "--grid ", path,
          " is not JSON: it holds an object of lists, {\"lr\": [1e-5, 5e-5]}, or a list of objects, [{\"lr\": 1e-5}]");
  std::vector<HparamValues> choices;
  if (json.is_object()) {
    choices = combinations(json, path);
  } else {
    choices.assign(json.begin(), json.end());
  }
  std::set<std::string> seen;
  for (const HparamValues& choice : choices) {
    require(choice.is_object(), "--grid ", path, ": ", choice.dump(), " is not an object such as {\"lr\": 1e-5}");
    for (const auto& [name, value] : choice.items()) {
      require(value.is_primitive() && !value.is_null(), "--grid ", path, ": \"", name, "\" is ", value.dump(),
              ", not a value");
    }
    require(seen.insert(nlohmann::json(choice).dump()).second, "--grid ", path, " holds ", choice.dump(), " twice");
  }
  return choices;
}

HparamValues domainbed_hparams(const std::string& dataset, const std::string& algorithm, int number, int trial) {
  HparamValues values = HparamValues::object();
  if (number == 0) return values;
  const std::uint32_t seed = seed_hash(number, trial);
  const auto draws = [&](const std::string& name) {
    return RandomState(seed_hash("(" + std::to_string(seed) + ", '" + name + "')"));
  };
  const bool small = dataset == "RotatedMNIST" || dataset == "ColoredMNIST";  // of images
  values["lr"] = std::pow(10.0, small ? draws("lr").uniform(-4.5, -2.5) : draws("lr").uniform(-5, -3.5));
  values["weight_decay"] = small ? 0.0 : std::pow(10.0, draws("weight_decay").uniform(-6, -2));
  const double largest = small ? 9 : dataset == "DomainNet" ? 5 : 5.5;
  values["batch_size"] = static_cast<int>(std::pow(2.0, draws("batch_size").uniform(3, largest)));
  values["dropout"] = draws("resnet_dropout").choice({0.0, 0.1, 0.5});
  if (has_ascent(algorithm)) values["rho"] = draws("rho").choice({0.01, 0.02, 0.05, 0.1});
  return values;
}

}  // namespace dgsam
