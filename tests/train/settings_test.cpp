// The table of a run's settings: what config.json, checks and --resume make of it.
#include "tools/train/settings.h"

#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/temporary_folder.h"

namespace dgsam {
namespace {

TEST_CASE("every recorded setting is in the table, and what is not recorded is asked for anew at each start") {
  std::set<std::string> names, recorded;
  for (const Setting* setting : recorded_settings()) {
    REQUIRE(setting != nullptr);
    CHECK(recorded.insert(setting->name).second);
    CHECK(setting->rules.on_resume != OnResume::ask);
  }
  for (const SettingGroup& group : setting_groups()) {
    for (const Setting& setting : group.settings) {
      CAPTURE(setting.name);
      CHECK(names.insert(setting.name).second);
      // config.json has the steps that --round-steps made.
      CHECK((recorded.contains(setting.name) || setting.rules.on_resume == OnResume::ask ||
             setting.name == "round_steps"));
    }
  }
}

TEST_CASE("a configuration goes through JSON unchanged, each enum as its word") {
  TrainConfig config;
  config.protocol = Protocol::domainbed_2020;
  config.bn_running = RunningStatistics::every_pass;
  config.dgsam_gradients = DgsamGradients::fresh;
  config.precision = Precision::bf16;
  config.optimizer.learning_rate = 0.1;
  config.seed = 18446744073709551615u;
  const nlohmann::ordered_json json = config.to_json();
  CHECK(json["protocol"] == "domainbed-2020");
  CHECK(json["bn_running"] == "every-pass");
  CHECK(json["dgsam_gradients"] == "fresh");
  CHECK(json["precision"] == "bf16");
  CHECK(json["lr"] == 0.1);
  CHECK(json.size() == recorded_settings().size());
  CHECK(TrainConfig::from_json(json, "test").to_json().dump() == json.dump());
}

TEST_CASE("JSON of another type or with an unknown word is refused with its place, key and flag") {
  const auto error = [](const char* text) {
    return error_of([&] { TrainConfig::from_json(nlohmann::ordered_json::parse(text), "c.json"); });
  };
  CHECK(error(R"({"eval_mode": "some"})") == "c.json: \"eval_mode\" is \"some\", which --eval-mode cannot be");
  CHECK(error(R"({"eval_mode": 1})") == "c.json: \"eval_mode\" is 1, which --eval-mode cannot be");
  CHECK(error(R"({"steps": 1.5})") == "c.json: \"steps\" is 1.5, which --steps cannot be");
  CHECK(error(R"({"swad": "on"})") == "c.json: \"swad\" is \"on\", which --swad cannot be");
  CHECK(error(R"({"rho": 1})").empty());  // a whole number is a number
}

TEST_CASE("numbers out of their range are refused with flag, value and rule") {
  const auto error = [](auto change) {
    TrainConfig config;
    change(config);
    return error_of([&] { check_ranges(config); });
  };
  CHECK(error([](TrainConfig&) {}).empty());
  CHECK(error([](TrainConfig& c) { c.steps = 0; }) == "--steps 0: a run has at least one step");
  CHECK(error([](TrainConfig& c) { c.batch_size = 65536; }) == "--batch-size 65536: must lie between 1 and 65535");
  CHECK(error([](TrainConfig& c) { c.channels = 4; }) == "--channels 4: must be 1, 2 or 3");
  CHECK(error([](TrainConfig& c) { c.dropout = 1; }) == "--dropout 1: must lie in [0, 1)");
  CHECK(error([](TrainConfig& c) { c.holdout = std::nan(""); }) == "--holdout nan: must lie in [0, 1)");
  CHECK(error([](TrainConfig& c) { c.eval_every = 0; }) == "--eval-every 0: must be at least 1");
  CHECK(error([](TrainConfig& c) { c.cache_gb = -1; }) == "--cache-gb -1: must not be negative");
}

TEST_CASE("files and folders become absolute, and one in place of the other takes its place when resuming") {
  const TemporaryFolder folder;
  const std::string here = std::filesystem::current_path().string();
  TrainConfig config;
  config.data_dir = "a/../data";
  config.weights = "w.safetensors";
  make_paths_absolute(config);
  CHECK(config.data_dir == here + "/data");
  CHECK(config.weights == here + "/w.safetensors");
  CHECK(config.manifest.empty());

  TrainConfig begun;  // as earlier versions recorded it
  begun.data_dir = "data";
  begun.weights = "w.safetensors";
  std::ofstream(folder / "config.json") << begun.to_json().dump();
  config.out = folder.file("");
  CHECK(configuration_to_resume(config, {"data_dir", "weights"}).weights == "w.safetensors");
  config.weights = here + "/other.safetensors";
  CHECK(error_of([&] { configuration_to_resume(config, {"weights"}); }).find("--weights is ") == 0);
  config.manifest = "/list.csv";
  const TrainConfig resumed = configuration_to_resume(config, {"manifest"});
  CHECK(resumed.data_dir.empty());
  CHECK(resumed.manifest == "/list.csv");
}

TEST_CASE("resuming takes the recorded settings, what may change where it is given, and what is asked at each start") {
  const TemporaryFolder folder;
  TrainConfig begun;
  begun.rho = 0.5;
  begun.threads = 3;
  std::ofstream(folder / "config.json") << begun.to_json().dump();
  TrainConfig asked;
  asked.out = folder.file("");
  asked.threads = 2;
  asked.profile = true;
  asked.recording = false;
  const TrainConfig resumed = configuration_to_resume(asked, {"threads"});
  CHECK(resumed.rho == 0.5);
  CHECK(resumed.threads == 2);
  CHECK(resumed.profile);
  CHECK_FALSE(resumed.recording);
  CHECK(resumed.resume);
  CHECK(configuration_to_resume(asked, {}).threads == 3);
  CHECK(error_of([&] { configuration_to_resume(asked, {"rho"}); }).find("--rho is 0.05, but the run in ") == 0);
}

}  // namespace
}  // namespace dgsam
