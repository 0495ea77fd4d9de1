// dgsam-run average on tiny runs.
#include "tools/measure/average.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "engine/core/check.h"
#include "engine/io/safetensors.h"
#include "tests/tiny_folder.h"
#include "tools/measure/eval.h"
#include "tools/train/trainer.h"

namespace dgsam {
namespace {

/// Three runs that differ in their seed; what `change` does to each configuration is done before.
class ThreeRuns {
 public:
  template <class Change>
  explicit ThreeRuns(const Change& change) {
    for (const int seed : {0, 1, 2}) {
      TrainConfig config = folder_.config("erm", std::to_string(seed));
      config.seed = static_cast<std::uint64_t>(seed);
      config.sharpness_images = 0;
      config.threads = 1;
      change(config);
      Trainer(config).run();
      options.checkpoints.push_back(folder_.path(std::to_string(seed)) + "/last.safetensors");
    }
    options.out = folder_.path("average.safetensors");
    options.place.threads = 1;
  }
  AverageOptions options;

 private:
  TinyFolder folder_;
};

TEST_CASE("the average of three checkpoints is their mean, tensor by tensor, and eval takes it") {
  const ThreeRuns runs([](TrainConfig&) {});
  const WeightAverage average = average_checkpoints(runs.options);
  CHECK(average.checkpoints.size() == 3);
  CHECK(average.statistics == 0);
  const SafetensorsFile file(runs.options.out);
  for (const auto& entry : file.entries()) {
    if (entry.dtype != "F32") continue;
    const std::vector<float> mean = file.read_as<float>(entry.name);
    std::vector<double> expected(mean.size(), 0.0);
    for (const std::string& path : runs.options.checkpoints) {
      const auto one = SafetensorsFile(path).read_as<float>(entry.name);
      for (std::size_t i = 0; i < one.size(); ++i) expected[i] += one[i] / 3.0;
    }
    for (std::size_t i = 0; i < mean.size(); ++i) {
      CHECK(std::abs(mean[i] - expected[i]) <= 1e-6 * (1 + std::abs(expected[i])));
    }
  }
  CHECK(nlohmann::json::parse(file.metadata().at("averaged")).get<std::vector<std::string>>() ==
        runs.options.checkpoints);
  const Evaluation evaluation = evaluate_checkpoint({.checkpoint = runs.options.out, .place = {.threads = 1}});
  CHECK(evaluation.json["domains"].size() == 3);
}

TEST_CASE("a greedy average begins with the best checkpoint and is never worse by its validation") {
  ThreeRuns runs([](TrainConfig& config) { config.steps = 12; });
  runs.options.greedy = true;
  const WeightAverage average = average_checkpoints(runs.options);
  REQUIRE(average.checkpoints.size() == 3);
  CHECK(average.checkpoints[0].taken);
  CHECK(average.checkpoints[0].accuracy >= average.checkpoints[1].accuracy);
  CHECK(average.checkpoints[1].accuracy >= average.checkpoints[2].accuracy);
  CHECK(average.accuracy >= average.checkpoints[0].accuracy);
  std::vector<std::string> taken;
  for (const AveragedCheckpoint& one : average.checkpoints) {
    if (one.taken) taken.push_back(one.path);
  }
  const SafetensorsFile file(runs.options.out);
  CHECK(nlohmann::json::parse(file.metadata().at("averaged")).get<std::vector<std::string>>() == taken);
}

TEST_CASE("where batch norm's statistics were trained, those of the average are estimated from training batches") {
  ThreeRuns runs([](TrainConfig& config) {
    config.model = "resnet18";
    config.freeze_bn = false;
    config.steps = 1;
    config.eval_last = true;
  });
  runs.options.statistics = 2;
  CHECK(average_checkpoints(runs.options).statistics == 2);
  const std::string name = "bn1.running_mean";
  const SafetensorsFile file(runs.options.out);
  const std::vector<float> estimated = file.read_as<float>(name);
  std::vector<float> mean(estimated.size());
  for (const std::string& path : runs.options.checkpoints) {
    const auto one = SafetensorsFile(path).read_as<float>(name);
    for (std::size_t i = 0; i < one.size(); ++i) mean[i] += one[i] / 3;
  }
  double difference = 0;
  for (std::size_t i = 0; i < mean.size(); ++i) difference += std::abs(mean[i] - estimated[i]);
  CHECK(difference > 1e-3);
}

TEST_CASE("checkpoints that do not belong together are refused with both files and the difference") {
  int run = 0;
  ThreeRuns runs([&](TrainConfig& config) {
    if (run++ == 1) config.trial_seed = 1;
  });
  const auto error_of = [&](const AverageOptions& options) -> std::string {
    try {
      average_checkpoints(options);
    } catch (const Error& error) {
      return error.what();
    }
    return "none";
  };
  CHECK(error_of(runs.options) == "none");  // other splits matter to --greedy alone
  runs.options.greedy = true;
  CHECK(error_of(runs.options).find("no validation is fair to both: leave out --greedy") != std::string::npos);
  runs.options.checkpoints.resize(1);
  CHECK(error_of(runs.options) == "an average takes two checkpoints or more, not 1");
  int other = 0;
  const ThreeRuns unlike([&](TrainConfig& config) {
    if (other++ == 2) config.test_env = "d0";
  });
  const std::string error = error_of(unlike.options);
  CHECK(error.starts_with(unlike.options.checkpoints[2] + " has --test-env \"d0\", but "));
  CHECK(error.find("\"d1\": only runs of one network and task can be averaged") != std::string::npos);
}

}  // namespace
}  // namespace dgsam
