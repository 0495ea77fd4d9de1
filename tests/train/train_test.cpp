// dgsam-run train, end to end on a tiny image folder: what it writes, that it is repeatable, and how it fails.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "data/image.h"
#include "engine/core/check.h"
#include "engine/core/rng.h"
#include "engine/io/safetensors.h"
#include "tests/tiny_folder.h"
#include "tools/train/trainer.h"

namespace dgsam {
namespace {

namespace fs = std::filesystem;

std::vector<nlohmann::json> lines_of(const std::string& path) {
  std::ifstream file(path);
  std::vector<nlohmann::json> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

/// Two runs of one method write the same bits, and another seed writes others.
void check_repeats(const std::string& algorithm) {
  const TinyFolder folder;
  for (const char* out : {"first", "second", "other"}) {
    TrainConfig config = folder.config(algorithm, out);
    config.seed = std::string(out) == "other" ? 1 : 0;
    Trainer(config).run();
  }
  const auto metrics = [&](const char* out) { return read_bytes(folder.path(out) + "/metrics.jsonl"); };
  CHECK(metrics("first") == metrics("second"));
  CHECK(metrics("first") != metrics("other"));
  SafetensorsFile first(folder.path("first/last.safetensors")), second(folder.path("second/last.safetensors"));
  for (const auto& entry : first.entries()) {
    if (entry.dtype == "F32") CHECK(first.read_as<float>(entry.name) == second.read_as<float>(entry.name));
  }
}

// A case each, so that they run side by side.
TEST_CASE("two runs of ERM write the same bits, and another seed writes others") { check_repeats("erm"); }
TEST_CASE("two runs of SAM write the same bits, and another seed writes others") { check_repeats("sam"); }
TEST_CASE("two runs of GSAM write the same bits, and another seed writes others") { check_repeats("gsam"); }
TEST_CASE("two runs of SAGM write the same bits, and another seed writes others") { check_repeats("sagm"); }
TEST_CASE("two runs of DISAM write the same bits, and another seed writes others") { check_repeats("disam"); }
TEST_CASE("two runs of GGA-L write the same bits, and another seed writes others") { check_repeats("gga-l"); }
TEST_CASE("two runs of DGSAM write the same bits, and another seed writes others") { check_repeats("dgsam"); }

TEST_CASE("metrics.jsonl has a line per step with every pass's loss under the method's names") {
  const TinyFolder folder;
  for (const char* algorithm : {"erm", "sam", "dgsam"}) Trainer(folder.config(algorithm, algorithm)).run();

  const auto erm = lines_of(folder.path("erm/metrics.jsonl"));
  REQUIRE(erm.size() == 3);
  CHECK(erm[2]["step"] == 2);
  CHECK(erm[0].contains("loss"));
  CHECK(!erm[0].contains("perturbed_loss"));
  const auto sam = lines_of(folder.path("sam/metrics.jsonl"));
  // The same initial weights and the same batches: SAM's clean loss is ERM's, its perturbed loss is higher.
  CHECK(sam[0]["loss"] == erm[0]["loss"]);
  CHECK(sam[0]["perturbed_loss"].get<double>() > sam[0]["loss"].get<double>());
  for (const char* algorithm : {"gsam", "sagm"}) {  // the same first loss, another point up from there
    Trainer(folder.config(algorithm, algorithm)).run();
    const auto lines = lines_of(folder.path(std::string(algorithm) + "/metrics.jsonl"));
    CHECK(lines[0]["loss"] == erm[0]["loss"]);
    CHECK(lines[0]["perturbed_loss"].get<double>() > lines[0]["loss"].get<double>());
  }
  for (const char* algorithm : {"disam", "gga-l"}) {  // the same point, one domain after the other
    Trainer(folder.config(algorithm, algorithm)).run();
    const auto lines = lines_of(folder.path(std::string(algorithm) + "/metrics.jsonl"));
    CHECK(lines[0]["loss"].get<double>() == doctest::Approx(erm[0]["loss"].get<double>()).epsilon(1e-6));
    CHECK(lines[0]["losses"].size() == 2);
    CHECK(lines[0]["domains"] == std::vector{0, 2});
    CHECK(lines[0].contains("perturbed_loss") == (std::string(algorithm) == "disam"));
    CHECK(lines[0]["grad_norms"].size() == (lines[0].contains("perturbed_loss") ? 3 : 2));
  }
  const auto dgsam = lines_of(folder.path("dgsam/metrics.jsonl"));
  REQUIRE(dgsam[0]["losses"].size() == 3);  // S + 1 for two sources
  const auto losses = dgsam[0]["losses"].get<std::vector<double>>();
  CHECK(dgsam[0]["loss"].get<double>() == doctest::Approx((losses[0] + losses[1] + losses[2]) / 3).epsilon(1e-12));
  for (const auto& line : dgsam) {
    const auto domains = line["domains"].get<std::vector<int>>();
    REQUIRE(domains.size() == 3);
    CHECK(domains[0] == domains[2]);      // the first domain is met again
    CHECK(domains[0] + domains[1] == 2);  // domains 0 and 2; 1 is left out
  }
}

TEST_CASE("a run writes config, program, results with DomainBed's keys, summary, checkpoints and done") {
  const TinyFolder folder;
  Trainer(folder.config("dgsam", "run")).run();
  const auto config = nlohmann::json::parse(read_bytes(folder.path("run/config.json")));
  CHECK(config["test_env"] == "d1");
  CHECK(config["domains"][0]["in"] == 16);
  CHECK(config["domains"][0]["out"] == 4);
  CHECK(read_bytes(folder.path("run/program.txt")).find("conv2d_weight_grad") != std::string::npos);
  const auto results = lines_of(folder.path("run/results.jsonl"));
  REQUIRE(results.size() == 2);  // steps 0 and 2, which is also the last
  CHECK(results[1]["step"] == 2);
  for (const char* key : {"env0_out_acc", "env1_in_acc", "env1_out_acc", "env2_out_acc", "loss", "epoch", "step_time",
                          "mem_gb", "args", "hparams", "val_acc"}) {
    CHECK_MESSAGE(results[1].contains(key), key);
  }
  CHECK(!results[1].contains("env0_in_acc"));  // fast mode skips the sources' training splits
  const double validation = results[1]["val_acc"];
  CHECK(validation ==
        doctest::Approx((results[1]["env0_out_acc"].get<double>() + results[1]["env2_out_acc"].get<double>()) / 2));
  const auto summary = nlohmann::json::parse(read_bytes(folder.path("run/summary.json")));
  CHECK(summary["domain_gradients"] == 9);
  CHECK(summary["test_env"] == 1);
  for (const char* key : {"d0", "d1", "d2"}) CHECK(summary["sharpness"][key].is_number());
  CHECK(summary["sharpness_total"].is_number());
  CHECK(summary["accuracy"]["env1_in"] == results[1]["env1_in_acc"]);
  CHECK(SafetensorsFile(folder.path("run/best.safetensors")).find("classifier.weight") != nullptr);
  CHECK(read_bytes(folder.path("run/done")) == "done");
}

TEST_CASE("a run learns, and its checkpoint continues where it ended") {
  const TinyFolder folder;
  TrainConfig config = folder.config("erm", "long");
  config.steps = 25;
  config.eval_mode = EvalMode::all;
  Trainer(config).run();
  const auto metrics = lines_of(folder.path("long/metrics.jsonl"));
  CHECK(metrics.back()["loss"].get<double>() < 0.5 * metrics.front()["loss"].get<double>());
  CHECK(lines_of(folder.path("long/results.jsonl")).back()["env0_in_acc"].get<double>() >= 0.9);

  TrainConfig continued = folder.config("erm", "continued");
  continued.weights = folder.path("long/last.safetensors");
  Trainer(continued).run();
  CHECK(lines_of(folder.path("continued/metrics.jsonl"))[0]["loss"].get<double>() <
        0.5 * metrics.front()["loss"].get<double>());
}

TEST_CASE("batch statistics, with every domain as a source, train, and move the running ones unless told not to") {
  const TinyFolder folder;
  TrainConfig batch = folder.config("sam", "batch");
  batch.model = "resnet18";
  batch.image_size = 32;
  batch.freeze_bn = false;
  batch.test_env = "none";
  batch.steps = 1;
  Trainer(batch).run();
  CHECK(nlohmann::json::parse(read_bytes(folder.path("batch/summary.json")))["test_env"].is_null());
  const auto running_mean = [&](const char* out) {
    return SafetensorsFile(folder.path(out) + "/last.safetensors").read_as<float>("bn1.running_mean");
  };
  CHECK(running_mean("batch") != std::vector<float>(64, 0.0f));
  batch.bn_running = RunningStatistics::never;
  batch.out = folder.path("never");
  Trainer(batch).run();
  CHECK(running_mean("never") == std::vector<float>(64, 0.0f));
}

TEST_CASE("f64, f32, tf32, bf16 and the plain backend train to the same loss within their rounding") {
  const TinyFolder folder;
  double reference = 0;
  for (const std::string precision : {"f64", "f32", "tf32", "bf16", "plain"}) {
    TrainConfig config = folder.config("dgsam", precision);
    config.precision = value_of<Precision>(precision).value_or(Precision::f32);
    config.onednn = precision != "plain";
    Trainer(config).run();
    const double loss = lines_of(folder.path(precision) + "/metrics.jsonl").back()["loss"];
    if (precision == "f64") reference = loss;
    CHECK(loss == doctest::Approx(reference).epsilon(precision == "bf16" ? 3e-2 : 1e-4));
  }
}

TEST_CASE("a protocol decides the defaults per data set, and flags that are given win") {
  const auto defaults = [](Protocol protocol, const std::string& dataset, std::set<std::string> given = {}) {
    TrainConfig config;
    config.protocol = protocol;
    config.dataset = dataset;
    config.steps = 7;
    apply_defaults(config, given);
    return config;
  };
  const TrainConfig swad = defaults(Protocol::swad, "DomainNet"),
                    domainbed = defaults(Protocol::domainbed_2020, "DomainNet");
  CHECK(swad.steps == 15001);
  CHECK(swad.eval_mode == EvalMode::fast);
  CHECK(!swad.val_augment);
  CHECK(swad.oracle == Oracle::best);
  CHECK(domainbed.steps == 5001);
  CHECK(domainbed.eval_every == 1000);
  CHECK(domainbed.eval_mode == EvalMode::all);
  CHECK(domainbed.val_augment);
  CHECK(!domainbed.eval_last);
  CHECK(domainbed.oracle == Oracle::last);
  CHECK(defaults(Protocol::domainbed_2020, "PACS").eval_every == 300);
  CHECK(defaults(Protocol::swad, "DomainNet", {"steps"}).steps == 7);
  CHECK(defaults(Protocol::swad, "ColoredMNIST").channels == 2);
}

TEST_CASE("DomainBed 2020's choices: sources evaluated augmented and whole, no evaluation for the end's sake") {
  const TinyFolder folder;
  TrainConfig config = folder.config("erm", "domainbed");
  config.augment = "standard";
  config.val_augment = true;
  config.eval_mode = EvalMode::all;
  config.eval_last = false;
  config.oracle = Oracle::last;
  config.steps = 4;
  Trainer(config).run();
  const auto results = lines_of(folder.path("domainbed/results.jsonl"));
  REQUIRE(results.size() == 2);  // steps 0 and 2, and not the last one, 3
  CHECK(results[1].contains("env0_in_acc"));
  const auto summary = nlohmann::json::parse(read_bytes(folder.path("domainbed/summary.json")));
  CHECK(summary["selection"]["test_domain_validation"]["step"] == 2);
  config.val_augment = false;
  config.out = folder.path("plain");
  Trainer(config).run();
  CHECK(lines_of(folder.path("plain/results.jsonl"))[1]["env0_out_loss"] != results[1]["env0_out_loss"]);
  CHECK(lines_of(folder.path("plain/results.jsonl"))[1]["env1_out_loss"] == results[1]["env1_out_loss"]);
}

TEST_CASE("a loss that is not finite stops the run and names step, domain and checkpoint") {
  const TinyFolder folder;
  TrainConfig config = folder.config("dgsam", "diverged");
  config.optimizer = {.name = "sgd", .learning_rate = 1e30};
  config.steps = 20;
  const std::string message = error_of([&] { Trainer(config).run(); });
  CHECK(message.find("step") != std::string::npos);
  CHECK((message.find("d0") != std::string::npos || message.find("d2") != std::string::npos));
  CHECK(message.find("diverged/last.safetensors") != std::string::npos);
  CHECK(!fs::exists(folder.path("diverged/done")));
  CHECK(fs::exists(folder.path("diverged/last.safetensors")));
}

TEST_CASE("where images are kept changes no bit, stands in config.json, and may change when a run is resumed") {
  const TinyFolder folder;
  const auto run = [&](const std::string& cache) {
    TrainConfig config = folder.config("erm", cache);
    config.augment = "standard";
    config.cache = cache;
    Trainer(config).run();
    std::ifstream file(folder.path(cache + "/config.json"));
    return nlohmann::json::parse(file)["images"].get<std::string>();
  };
  CHECK(run("ram").starts_with("60 images decoded"));
  CHECK(run("none").starts_with("60 read from disk"));
  CHECK(read_bytes(folder.path("ram/metrics.jsonl")) == read_bytes(folder.path("none/metrics.jsonl")));

  TrainConfig asked = folder.config("erm", "none");
  asked.cache = "ram";
  CHECK(configuration_to_resume(asked, {"cache"}).cache == "ram");
  CHECK(configuration_to_resume(asked, {}).cache == "none");
}

TEST_CASE("bad values and paths give one line that names them") {
  const TinyFolder folder;
  const auto message = [&](auto change) {
    TrainConfig config = folder.config("erm", "bad");
    change(config);
    const std::string error = error_of([&] {
      resolve(config);
      Trainer(config).run();
    });
    fs::remove_all(folder.path("bad"));
    CHECK(error.find('\n') == std::string::npos);
    return error;
  };
  CHECK(message([](TrainConfig& c) { c.test_env = "nowhere"; }).find("0 d0, 1 d1, 2 d2") != std::string::npos);
  CHECK(message([](TrainConfig& c) { c.data_dir = "/no/such/folder"; }).find("/no/such/folder") != std::string::npos);
  CHECK(message([](TrainConfig& c) { c.batch_size = 0; }).find("--batch-size 0") != std::string::npos);
  CHECK(message([](TrainConfig& c) { c.holdout = 1; }).find("--holdout 1") != std::string::npos);
  CHECK(message([](TrainConfig& c) { c.weights = "/no/such.safetensors"; }).find("/no/such.safetensors") !=
        std::string::npos);
  CHECK(message([](TrainConfig& c) { c.rho = -1; }).find("rho") != std::string::npos);
  CHECK(message([](TrainConfig& c) { c.device = "cuda"; }).find("cuda") != std::string::npos);
  CHECK(message([](TrainConfig& c) {
          c.device = "cpu";
          c.cache = "gpu";
        }).find("use --cache ram, or --device cuda") != std::string::npos);
  CHECK(message([](TrainConfig& c) { c.dataset = "CIFAR"; }).find("PACS") != std::string::npos);
}

TEST_CASE("a folder that holds a run is replaced only with --overwrite, and other files in it stay") {
  const TinyFolder folder;
  TrainConfig config = folder.config("erm", "once");
  Trainer(config).run();
  const std::string before = read_bytes(folder.path("once/summary.json"));
  CHECK(error_of([&] { Trainer{config}; }).find("--overwrite") != std::string::npos);
  CHECK(read_bytes(folder.path("once/summary.json")) == before);
  config.overwrite = true;
  Trainer(config).run();
  std::ofstream(folder.path("once/thesis.txt")) << "mine";
  Trainer(config).run();
  CHECK(read_bytes(folder.path("once/thesis.txt")) == "mine");
}

TEST_CASE("a backend check takes its steps, compares them with the reference, and leaves no finished run") {
  const TinyFolder folder;
  TrainConfig config = folder.config("dgsam", "check");
  config.backend_check = 2;
  Trainer(config).check_backend();
  CHECK_FALSE(fs::exists(folder.path("check/done")));
  CHECK_FALSE(fs::exists(folder.path("check/last.safetensors")));
}

}  // namespace
}  // namespace dgsam
