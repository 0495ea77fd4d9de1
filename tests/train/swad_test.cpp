// Runs with --swad on: what they write, when they end, and that a killed one ends with the same bits.
#include <doctest/doctest.h>

#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "engine/core/check.h"
#include "engine/io/safetensors.h"
#include "engine/make_backend.h"
#include "models/parameters.h"
#include "tests/process.h"
#include "tests/tiny_folder.h"
#include "tools/train/batch_statistics.h"
#include "tools/train/run_state.h"
#include "tools/train/trainer.h"

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

TEST_CASE("--swad without a validation loss is refused with the remedy") {
  const TinyFolder folder;
  TrainConfig config = swad_config(folder, "none");
  config.holdout = 0;
  CHECK_THROWS_WITH_AS(resolve(config), "--swad on needs a validation loss: leave it a --holdout", Error);
}

TEST_CASE("with batch statistics the average gets its own, from the batches that would come next") {
  const TinyFolder folder;
  TrainConfig config = swad_config(folder, "batch");
  config.steps = 2;  // too few to converge: the average is the last step's weights, so only statistics can differ
  config.model = "resnet18";
  config.freeze_bn = false;
  config.swad_statistics = 3;
  Trainer(config).run();
  const std::string run = folder.path("batch");
  const SafetensorsFile averaged(run + "/swad.safetensors"), last(run + "/last.safetensors");
  int estimated = 0;
  for (const auto& entry : last.entries()) {
    const bool same = averaged.read_as<float>(entry.name) == last.read_as<float>(entry.name);
    const bool statistic = entry.name.find(".running_") != std::string::npos;
    CHECK_MESSAGE(same != statistic, entry.name);
    estimated += statistic;
  }
  CHECK(estimated == 40);  // mean and variance of ResNet-18's twenty norms
}

// Every pass starts from zeros with momentum 1/4, so that a quarter of its own statistics is what it leaves.
std::vector<double> mean_of_batches(Backend& backend, const ModelSpec& model, NetworkOptions options,
                                    TrainingBatches& batches, int domains, int count, const FlatVector& theta) {
  options.batch_norm = BatchNormMode::batch;
  options.bn = {.momentum = 0.25, .running = RunningStatistics::first_pass};
  Program program(build_network(model, options).graph, backend, std::make_shared<Arena>(backend));
  DeviceBatch batch(backend, image_type(program.graph(), domains), domains);
  FlatVector gradient(backend, program.graph().theta_layout(), DType::f32);
  FlatVector statistics(backend, program.graph().statistic_layout(), DType::f32);
  std::vector<double> sum(statistics.bytes() / sizeof(float));
  for (int i = 0; i < count; ++i) {
    int domain = 0;
    for (const ImageBatch& of_domain : batches.next()) batch.load(of_domain, domain++);
    backend.zero(statistics.all());
    program.run({.theta = &theta,
                 .gradient = &gradient,
                 .statistics = &statistics,
                 .running_statistics = &statistics,
                 .inputs = batch.inputs()});
    std::vector<float> own(sum.size());
    backend.download(own.data(), statistics.all());
    for (std::size_t at = 0; at < own.size(); ++at) sum[at] += 4 * static_cast<double>(own[at]) / count;
  }
  return sum;
}

TEST_CASE("estimated statistics are the mean of what training's own passes see of each batch") {
  const TinyFolder folder;
  const ImageFolder images = open_image_folder(folder.data());
  const std::unique_ptr<Backend> backend = make_backend("cpu", {.threads = 2});
  RunImages run_images(images, {.image_size = 16, .augment = false}, {.threads = 1});
  run_images.fill(*backend);
  const ModelSpec model{"resnet18", 2, 3};
  NetworkOptions options;
  options.batch = 2 * 4;
  options.image_size = 16;
  options.adapt_to(*backend);
  const auto batches = [&] {
    return make_training_batches(run_images, {{0, {0, 1, 2, 3, 10, 11}}, {2, {4, 5, 6, 7, 12, 13}}},
                                 {.batch_size = 4, .seed = 5, .threads = 1});
  };
  const Graph graph = build_network(model, options).graph;
  FlatVector theta(*backend, graph.theta_layout(), DType::f32);
  initialise(graph, *backend, theta, 3);

  const auto for_mean = batches(), for_estimate = batches();
  const std::vector<double> expected = mean_of_batches(*backend, model, options, *for_mean, 2, 3, theta);
  const FlatVector estimate =
      estimate_statistics(*backend, model, options, std::make_shared<Arena>(*backend), *for_estimate, 2, 3, theta);
  std::vector<float> found(expected.size());
  backend->download(found.data(), estimate.all());
  double largest = 0;
  for (std::size_t at = 0; at < found.size(); ++at) {
    CHECK(std::abs(found[at] - expected[at]) <= 1e-5 * std::max(1.0, std::abs(expected[at])));
    largest = std::max(largest, std::abs(expected[at]));
  }
  CHECK(largest > 0.1);  // or there was nothing to estimate
}

}  // namespace
}  // namespace dgsam
