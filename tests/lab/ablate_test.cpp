// dgsam-run ablate: which settings follow from the flags, the figures of the table by hand, and a run of it all.
#include "tools/lab/experiments/ablate.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/process.h"
#include "tests/tiny_folder.h"
#include "tools/lab/collect/collect_format.h"
#include "tools/lab/experiments/ablate_figure.h"

namespace dgsam {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using Words = std::vector<std::string>;

/// An ablation of tiny runs in the folder `out`.
Sweep define(const TinyFolder& data, const std::string& out, const AblationOptions& options, int trials = 2) {
  SweepDefinition definition;
  definition.datasets = {"folder"};
  definition.trials = trials;
  definition.train = {"--data-dir", data.data(), "--model", "mnist-cnn", "--image-size", "16"};
  set_settings(definition, options);
  return Sweep::define(data.path(out), definition, {});
}

Words labels_of(const Sweep& sweep) {
  Words labels;
  for (const AblationSetting& setting : settings_of(sweep)) labels.push_back(setting.label);
  return labels;
}

/// Figures that depend on the setting and on the trial. The unseen domain's accuracy is 50 points, and 10 more with
/// each domain; sources are at 0.25, and the two of them at 0.1 and 0.3 of sharpness.
void write_run(const fs::path& folder, int test_env, double gain, double sharper) {
  Json summary{{"test_env", test_env},   {"domains", {"d0", "d1", "d2"}}, {"steps", 5},
               {"domain_gradients", 15}, {"seconds", 1.0 + test_env},     {"sharpness_total", 0.05 + sharper}};
  int source = 0;
  for (int domain = 0; domain < 3; ++domain) {
    const std::string key = "env" + std::to_string(domain);
    summary["accuracy"][key + "_out"] = 0.25;
    summary["sharpness"]["d" + std::to_string(domain)] =
        domain == test_env ? 99 : (source++ == 0 ? 0.1 : 0.3) + sharper;
  }
  summary["accuracy"]["env" + std::to_string(test_env) + "_in"] = 0.5 + 0.1 * test_env + gain;
  write_bytes(folder / "summary.json", summary.dump());
  write_bytes(folder / "done", "done");
}

TEST_CASE("an ablation varies one factor at a time, or with --full all of them, at one radius of sharpness") {
  const TinyFolder data;
  const Sweep sweep = define(data, "each", {.rho = {0.05, 0.1}});
  CHECK(labels_of(sweep) == Words{"dgsam (default)", "dgsam, order fixed", "dgsam, gradients perturbed",
                                  "dgsam, gradients fresh", "dgsam, scale mean", "dgsam, rho 0.1", "erm",
                                  "sam, rho 0.05", "sam, rho 0.1"});
  Sweep again = Sweep::open(data.path("each"));
  CHECK(labels_of(again) == labels_of(sweep));
  const SweepJobs jobs = again.jobs();
  CHECK(jobs.jobs.size() == 9 * 3 * 2);  // settings, domains, trials: nothing waits for a choice
  CHECK(jobs.waiting == 0);
  for (const SweepJob& job : jobs.jobs) {
    const TrainConfig config = again.config(job);
    CHECK(config.sharpness_rho == 0.05);
    CHECK(config.seed == static_cast<std::uint64_t>(config.trial_seed));
  }
  const auto fresh =
      std::find_if(jobs.jobs.begin(), jobs.jobs.end(), [](const SweepJob& job) { return job.hparams == 3; });
  CHECK(again.config(*fresh).dgsam_gradients == DgsamGradients::fresh);
  CHECK(again.config(*fresh).dgsam_scale == DgsamScale::sum);

  const Words full = labels_of(define(data, "full", {.full = true, .rho = {0.05, 0.1}, .baselines = {}}));
  CHECK(full.size() == 2 * 3 * 2 * 2);
  CHECK(std::count(full.begin(), full.end(), "dgsam, order fixed, gradients fresh, scale mean, rho 0.1") == 1);
  CHECK(labels_of(define(data, "some", {.vary = {"order"}, .baselines = {"sam"}})) ==
        Words{"dgsam (default)", "dgsam, order fixed", "sam"});

  const auto refused = [&](const AblationOptions& options) {
    SweepDefinition definition;
    return error_of([&] { set_settings(definition, options); });
  };
  CHECK(refused({.vary = {"order", "order"}}) == "--vary names order twice");
  CHECK(refused({.rho = {0.1, 0.1}}) == "--rho names 0.1 twice");
  CHECK(refused({.rho = {-1}}) == "--rho -1: must not be negative");
}

TEST_CASE("an ablation's table has the means, errors and paired differences that one computes by hand") {
  const TinyFolder data;
  Sweep sweep = define(data, "made", {.vary = {"order"}, .baselines = {"erm"}}, 3);
  const std::vector<AblationSetting> settings = settings_of(sweep);
  for (const SweepJob& job : sweep.jobs().jobs) {
    const bool standard = job.algorithm == "dgsam" && job.hparams == 0, erm = job.algorithm == "erm";
    if (erm && job.trial == 2 && job.test_env == 2) continue;  // not done: erm has two whole trials
    // Trial t gains t points; fixed order 2, 4, 6 more and is 0.02, 0.03, 0.04 sharper.
    const double gain = 0.01 * job.trial + (standard || erm ? 0 : 0.02 * (job.trial + 1));
    write_run(sweep.run_folder(job), job.test_env, gain, standard || erm ? 0 : 0.01 * (job.trial + 2));
  }
  const ResultTable table = ablation_table(settings, read_ablation(sweep, settings), 3);
  REQUIRE(table.rows.size() == 3);
  const auto figure = [&](std::size_t row, const char* column) {
    const auto at = std::find(table.columns.begin(), table.columns.end(), column);
    REQUIRE(at != table.columns.end());
    return table.rows[row].figures[static_cast<std::size_t>(at - table.columns.begin())];
  };
  CHECK(figure(0, "accuracy %").value == doctest::Approx(61));  // 60, 61, 62
  CHECK(figure(0, "accuracy %").error == doctest::Approx(std::sqrt(2.0 / 3) / std::sqrt(3)));
  CHECK(figure(1, "accuracy %").value == doctest::Approx(65));
  CHECK(figure(2, "accuracy %").value == doctest::Approx(60.5));
  CHECK(figure(2, "accuracy %").count == 2);
  CHECK(figure(0, "sources %").value == doctest::Approx(25));
  CHECK(figure(0, "sharpness").value == doctest::Approx(0.2));  // not that of the unseen domain
  CHECK(figure(1, "sharpness").value == doctest::Approx(0.23));
  CHECK(figure(1, "total sharpness").value == doctest::Approx(0.08));
  CHECK(figure(0, "gradients/step").value == 3);
  CHECK(figure(0, "seconds").value == 2);
  CHECK(figure(2, "seconds").value == doctest::Approx(1.5 + 0.5));  // 1 1 1 2 2 2 3 3

  CHECK(std::isnan(figure(0, "accuracy difference").value));
  CHECK(figure(1, "accuracy difference").value == doctest::Approx(4));
  CHECK(figure(1, "accuracy difference").count == 3);
  CHECK(figure(1, "accuracy difference").low == doctest::Approx(2));  // one draw of 27 is the first trial alone
  CHECK(figure(1, "accuracy difference").high == doctest::Approx(6));
  CHECK(figure(1, "sharpness difference").value == doctest::Approx(0.03));
  CHECK(figure(2, "accuracy difference").value == doctest::Approx(0));  // of the two trials that both have
  CHECK(figure(2, "accuracy difference").count == 2);

  const std::string text = format_table(table, TableFormat::text);
  CHECK(text.find("Setting") != std::string::npos);
  CHECK(text.find("4.00 [2.00, 6.00]  0.0300 [0.0200, 0.0400]") != std::string::npos);
  CHECK(Json::parse(format_table(table, TableFormat::json))["rows"][1]["figures"][6]["n"] == 3);
  CHECK(format_table(table, TableFormat::latex).find("\\begin{tabular}{lcccccccc}") != std::string::npos);
  const std::string picture = ablation_figure(table);
  std::size_t dots = 0;
  for (std::size_t at = 0; (at = picture.find("<circle", at)) != std::string::npos; ++at) ++dots;
  CHECK(dots == 2 * 2);  // of two settings beside the default, in two panels
  CHECK(picture.find("dgsam, order fixed") != std::string::npos);

  const fs::path broken = sweep.run_folder(sweep.jobs().jobs[0]) / "summary.json";
  write_bytes(broken, "{}");
  CHECK(error_of([&] { read_ablation(sweep, settings); }).find(broken.string() + " is not a finished run's summary") ==
        0);
}

TEST_CASE("dgsam-run ablate trains every setting once, and with --out alone prints the table again") {
  const TinyFolder data;
  const std::string out = data.path("real"), log = data.path("log");
  const auto run = [&](const Words& words) { return Process(words, log).wait(); };
  const Words settings{"--vary", "scale", "--baselines", "erm", "--trials", "1", "--test-envs", "d1", "--jobs", "2"};
  Words words{"ablate", "--out", out, "--format", "csv", "--sharpness-rho", "0.5"};
  words.insert(words.end(), settings.begin(), settings.end());
  const Words train{"--", "--data-dir",         data.data(), "--model", "mnist-cnn", "--image-size",
                    "16", "--augment",          "none",      "--steps", "2",         "--threads",
                    "1",  "--batch-size",       "2",         "--lr",    "1e-3",      "--eval-every",
                    "2",  "--sharpness-images", "8",         "--rho",   "0.1"};
  words.insert(words.end(), train.begin(), train.end());
  REQUIRE_MESSAGE(run(words) == 0, read_bytes(log));
  const std::string first = read_bytes(log);
  CHECK(first.find("3 of 3 runs done") != std::string::npos);
  for (const char* row : {",dgsam (default),", ",\"dgsam, scale mean\",", ",erm,"}) {
    CHECK_MESSAGE(first.find(std::string("ablation,folder,") + row) != std::string::npos, first);
  }
  const Json summary = Json::parse(read_bytes(out + "/folder-dgsam-1-d1-t0-h0/run/summary.json"));
  const Json config = Json::parse(read_bytes(out + "/folder-dgsam-1-d1-t0-h0/run/config.json"));
  CHECK(summary["sharpness_rho"] == 0.5);
  CHECK(config["sharpness_rho"] == 0.5);
  CHECK(config["rho"] == 0.1);
  CHECK(read_bytes(out + "/ablation.svg").ends_with("</svg>\n"));

  CHECK(run({"ablate", "--out", out, "--format", "csv"}) == 0);
  const std::string again = read_bytes(log);
  CHECK(again.substr(again.find("part,")) == first.substr(first.find("part,")));
  CHECK(run({"ablate", "--out", out, "--vary", "order"}) == 1);
  CHECK(read_bytes(log).find("leave them out to continue it, or choose another --out") != std::string::npos);
  CHECK(run({"ablate", "--out", data.path("nothing"), "--only-table"}) == 1);
  CHECK(read_bytes(log).find("there is no ablation in") != std::string::npos);
  CHECK(!fs::exists(data.path("nothing")));
}

}  // namespace
}  // namespace dgsam
