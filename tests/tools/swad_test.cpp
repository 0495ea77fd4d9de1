// Runs with --swad on: what they write, when they end, and that a killed one ends with the same bits.
#include <doctest/doctest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "engine/core/check.h"
#include "engine/io/safetensors.h"
#include "tests/tools/process.h"
#include "tests/tools/tiny_folder.h"
#include "tools/run_state.h"
#include "tools/trainer.h"

namespace dgsam {
namespace {

TrainConfig swad_config(const TinyFolder& folder, const std::string& out) {
  TrainConfig config = folder.config("dgsam", out);
  config.swad = true;
  config.sharpness_images = 0;
  config.threads = 1;
  return config;
}

nlohmann::json json_at(const std::string& path) { return nlohmann::json::parse(std::ifstream(path)); }

TEST_CASE("with --swad a run that has not converged ends with the steps since the evaluation before the last") {
  const TinyFolder folder;
  TrainConfig config = swad_config(folder, "short");
  config.steps = 2;  // evaluated after both: too few to converge, and the last segment is step 1 alone
  Trainer(config).run();
  const std::string run = folder.path("short");
  const nlohmann::json swad = json_at(run + "/summary.json")["selection"]["swad"];
  REQUIRE(swad["converged"] == false);
  CHECK(swad["first_step"] == 1);
  CHECK(swad["step"] == 1);
  const SafetensorsFile averaged(run + "/swad.safetensors"), last(run + "/last.safetensors");
  for (const auto& entry : last.entries()) {
    CHECK(averaged.read_as<float>(entry.name) == last.read_as<float>(entry.name));
  }
  CHECK(swad["accuracy"] == swad["accuracies"]["env1_in"]);
}

TEST_CASE("a run whose validation loss leaves its valley ends there, and says so in its summary") {
  const TinyFolder folder;
  TrainConfig config = swad_config(folder, "diverging");
  config.steps = 400;
  config.eval_every = 1;
  config.optimizer.name = "sgd";
  config.optimizer.momentum = 0;
  config.optimizer.learning_rate = 1e-4;
  config.optimizer.weight_decay = 2.03e4;  // each step turns the weights' signs and makes them three per cent larger
  config.swad_tolerance = 0.01;
  Trainer(config).run();
  const nlohmann::json summary = json_at(folder.path("diverging") + "/summary.json");
  CHECK(summary["selection"]["swad"]["valley_ended"] == true);
  const int steps = summary["steps"];
  CHECK(steps < 400);
  CHECK(summary["domain_gradients"] == 3 * steps);
}

TEST_CASE("a run with --swad that is killed again and again ends with the bits of one that was not") {
  const TinyFolder folder;
  const auto arguments = [&](const std::string& out) -> std::vector<std::string> {
    return {"train",
            "--resume",
            "--data-dir",
            folder.data(),
            "--test-env",
            "d1",
            "--model",
            "mnist-cnn",
            "--image-size",
            "16",
            "--algorithm",
            "dgsam",
            "--steps",
            "60",
            "--eval-every",
            "3",
            "--batch-size",
            "4",
            "--lr",
            "1e-2",
            "--save-every",
            "1",
            "--threads",
            "1",
            "--sharpness-images",
            "0",
            "--swad",
            "on",
            "--swad-tolerance",
            "5",
            "--out",
            folder.path(out)};
  };
  REQUIRE(Process(arguments("whole"), folder.path("log")).wait() == 0);
  int kills = 0;
  for (int status = -1; status != 0;) {
    const Process process(arguments("killed"), folder.path("log"));
    std::this_thread::sleep_for(std::chrono::milliseconds(60 + 25 * kills));
    process.signal(SIGKILL);
    status = process.wait();
    if (status != 0) ++kills;
    REQUIRE(kills < 100);  // or it does not go on at all
  }
  CHECK(kills > 0);
  for (const char* name : {"metrics.jsonl", "last.safetensors", "swad.safetensors"}) {
    CHECK_MESSAGE(read_bytes(folder.path("killed") + "/" + name) == read_bytes(folder.path("whole") + "/" + name),
                  name);
  }
  const auto selection = [&](const std::string& run) {
    return json_at(folder.path(run) + "/summary.json")["selection"];
  };
  CHECK(selection("killed") == selection("whole"));
  CHECK(selection("whole")["swad"]["segments"] > 1);
}

TEST_CASE("--swad without a validation loss or with batch statistics is refused with the remedy") {
  const TinyFolder folder;
  TrainConfig config = swad_config(folder, "none");
  config.holdout = 0;
  CHECK_THROWS_WITH_AS(resolve(config), "--swad on needs a validation loss: leave it a --holdout", Error);
  config.holdout = 0.2;
  config.freeze_bn = false;
  CHECK_THROWS_AS(resolve(config), Error);
}

}  // namespace
}  // namespace dgsam
