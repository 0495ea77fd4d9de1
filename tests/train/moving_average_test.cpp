// Runs with --average moving: what they write, and that a stopped one ends with the same bits.
#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/core/check.h"
#include "engine/io/safetensors.h"
#include "tests/tiny_folder.h"
#include "tools/train/trainer.h"

namespace dgsam {
namespace {

TrainConfig moving_config(const TinyFolder& folder, const std::string& out) {
  TrainConfig config = folder.config("sam", out);
  config.average = WeightAveraging::moving;
  config.average_from = 1;
  config.steps = 4;
  config.eval_every = 1;  // last.safetensors of a shorter run is what a step left
  config.sharpness_images = 0;
  config.threads = 1;
  return config;
}

TEST_CASE("moving.safetensors is the mean of what the steps from --average-from on left, and summary.json scores it") {
  const TinyFolder folder;
  for (const int steps : {2, 3, 4}) {
    TrainConfig config = moving_config(folder, std::to_string(steps));
    config.steps = steps;
    Trainer(config).run();
  }
  const SafetensorsFile averaged(folder.path("4/moving.safetensors"));
  for (const auto& entry : averaged.entries()) {
    if (entry.dtype != "F32") continue;
    const std::vector<float> mean = averaged.read_as<float>(entry.name);
    std::vector<double> expected(mean.size(), 0.0);
    for (const char* const steps : {"2", "3", "4"}) {
      const auto one = SafetensorsFile(folder.path(steps) + "/last.safetensors").read_as<float>(entry.name);
      for (std::size_t i = 0; i < one.size(); ++i) expected[i] += one[i] / 3.0;
    }
    for (std::size_t i = 0; i < mean.size(); ++i) CHECK(mean[i] == doctest::Approx(expected[i]).epsilon(1e-5));
  }
  const auto summary = nlohmann::json::parse(std::ifstream(folder.path("4/summary.json")));
  const nlohmann::json& moving = summary["selection"]["moving"];
  CHECK(moving["first_step"] == 1);
  CHECK(moving["step"] == 3);
  CHECK(moving["accuracy"] == moving["accuracies"]["env1_in"]);
}

TEST_CASE("with batch statistics the moving average gets its own") {
  const TinyFolder folder;
  TrainConfig config = moving_config(folder, "batch");
  config.average_from = 3;  // the last step's weights alone, so only statistics can differ
  config.model = "resnet18";
  config.freeze_bn = false;
  config.swad_statistics = 2;
  Trainer(config).run();
  const SafetensorsFile averaged(folder.path("batch/moving.safetensors")), last(folder.path("batch/last.safetensors"));
  for (const auto& entry : last.entries()) {
    const bool same = averaged.read_as<float>(entry.name) == last.read_as<float>(entry.name);
    CHECK_MESSAGE(same != (entry.name.find(".running_") != std::string::npos), entry.name);
  }
}

TEST_CASE("two averages of one run, and an average of no step, are refused with the remedy") {
  const TinyFolder folder;
  TrainConfig both = moving_config(folder, "both"), late = moving_config(folder, "late");
  both.swad = true;
  late.average_from = 4;
  CHECK_THROWS_WITH_AS(resolve(both), "--swad on and --average moving are two averages of one run: give one of them",
                       Error);
  CHECK_THROWS_WITH_AS(resolve(late), "--average-from 4 leaves nothing to average: the run's last step is 3", Error);
}

}  // namespace
}  // namespace dgsam
