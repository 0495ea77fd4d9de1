// dgsam-run sharpness on a tiny run: its figures are those of evaluation, of training and of the definition.
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <sstream>

#include "engine/core/check.h"
#include "tests/tiny_folder.h"
#include "tools/measure/eval.h"
#include "tools/measure/sharpness_measure.h"
#include "tools/train/trainer.h"

namespace dgsam {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

/// A folder with a run in it, which all tests share: none changes it.
class TinyRun {
 public:
  static const TinyRun& shared() {
    static const TinyRun run;
    return run;
  }
  std::string path(const std::string& name) const { return folder_.path(name); }
  std::string checkpoint() const { return path("run/last.safetensors"); }
  const TinyFolder& folder() const { return folder_; }
  json summary() const { return json::parse(read_bytes(path("run/summary.json"))); }
  /// Another name of the checkpoint, for a test that writes beside it.
  std::string copy(const std::string& name) const {
    fs::create_directories(path("copies"));
    const std::string to = path("copies/" + name + ".safetensors");
    fs::copy_file(checkpoint(), to, fs::copy_options::overwrite_existing);
    return to;
  }

 private:
  TinyRun() {
    TrainConfig config = folder_.config("sam", "run");
    config.sharpness_images = 16;
    Trainer(config).run();
  }
  TinyFolder folder_;
};

/// As little as measures everything.
SharpnessOptions quick() {
  SharpnessOptions options;
  options.surface.images = 16;
  options.surface.place = {.threads = 1, .batch_size = 4};
  options.radii = {0.05, 0.1};
  options.steps = 2;
  options.top = 1;
  options.lanczos_steps = 3;
  options.trace_samples = 2;
  return options;
}

SharpnessReport measure(const std::string& checkpoint, const SharpnessOptions& options) {
  std::ostringstream screen;
  const auto plans = plan_sharpness({checkpoint}, options);
  ProgressBar progress("Measuring", plans.at(0).work, 0, {&screen, false, [] { return 80; }, [] { return 0.0; }});
  SharpnessReport report = measure_sharpness(plans[0], options, progress);
  progress.finish();
  // All of it was done, no more and no less.
  CHECK(screen.str() ==
        "Measuring: " + std::to_string(plans[0].work) + " in 0:00, " + report.losses.back().name + "\n");
  return report;
}

TEST_CASE("sharpness: losses are those of eval, one step is train's, the total is the sources' mean") {
  const TinyRun& run = TinyRun::shared();
  SharpnessOptions options = quick();
  options.steps = 0;
  options.top = options.trace_samples = 0;
  const SharpnessReport report = measure(run.checkpoint(), options);
  const json evaluation = evaluate_checkpoint({.checkpoint = run.checkpoint(), .place = {.threads = 2}}).json;
  const json summary = run.summary();
  REQUIRE(report.losses.size() == 4);
  double sources = 0;
  for (std::size_t domain = 0; domain < 3; ++domain) {
    const LossSharpness& loss = report.losses[domain];
    CAPTURE(loss.name);
    CHECK(loss.name == evaluation["domains"][domain]["name"]);
    CHECK(loss.role == (domain == 1 ? "unseen" : "source"));
    CHECK(loss.images == 16);  // the whole in-split
    CHECK(loss.worst_case.loss ==
          doctest::Approx(evaluation["domains"][domain]["in"]["loss"].get<double>()).epsilon(1e-6));
    CHECK(loss.worst_case.increases.at(0).one_step == summary["sharpness"][loss.name].get<double>());
    CHECK(loss.worst_case.increases.at(0).multi_step == loss.worst_case.increases.at(0).one_step);
    if (domain != 1) sources += loss.worst_case.loss / 2;
    CHECK(loss.eigenvalues.empty());
    CHECK(!loss.trace);
  }
  const LossSharpness& total = report.losses.back();
  CHECK(total.role == "total");
  CHECK(total.images == 32);
  CHECK(total.worst_case.loss == doctest::Approx(sources).epsilon(1e-12));
  CHECK(total.worst_case.increases.at(0).one_step == summary["sharpness_total"].get<double>());
  CHECK(summary["sharpness_rho"] == 0.05);
}

class CountedLoss final : public Loss {
 public:
  explicit CountedLoss(Loss& loss) : loss_(loss) {}
  double loss(const FlatVector& theta) override { return ++losses, loss_.loss(theta); }
  void gradient(const FlatVector& theta, FlatVector& g) override {
    ++gradients;
    loss_.gradient(theta, g);
  }
  std::int64_t losses = 0, gradients = 0;

 private:
  Loss& loss_;
};

TEST_CASE("sharpness: the cost that is told beforehand is the one that is paid") {
  const TinyRun& run = TinyRun::shared();
  SharpnessOptions options = quick();
  options.surface.images = 2;
  CheckpointSurface surface(read_checkpoint(run.checkpoint()), options.surface);
  for (const int top : {0, 1, 2}) {
    options.top = top;
    options.restarts = 1 + top;
    CountedLoss loss(*surface.losses()[0].loss);
    measure_loss(surface.backend(), loss, surface.theta(), options);
    CHECK(loss.losses == sharpness_cost(options).losses);
    CHECK(loss.gradients == sharpness_cost(options).gradients);
  }
  const SharpnessOptions defaults;
  const SharpnessCost usual = sharpness_cost(defaults);
  CHECK(usual.gradients == 103);  // as --help says
  CHECK(usual.losses == 34);
}

TEST_CASE("sharpness: the file has what is documented, and the same bits again") {
  const TinyRun& run = TinyRun::shared();
  const std::string checkpoint = run.copy("documented"), file = run.path("copies/documented.sharpness.json");
  SharpnessOptions options = quick();
  options.surface.images = 4;
  options.steps = 1;
  options.domains = {"d1", "total"};
  run_sharpness({checkpoint}, options, {});
  const std::string bytes = read_bytes(file);
  const json report = json::parse(bytes);
  CHECK(report["checkpoint"] == checkpoint);
  CHECK(report["algorithm"] == "sam");
  CHECK(report["step"] == 2);
  CHECK(report["rho"] == 0.05);
  CHECK(report["precision"] == "f32");
  CHECK(report["images"] == 4);
  CHECK(report["ascent"] == json{{"steps", 1}, {"restarts", 2}});
  CHECK(report["hessian_step"] == HessianProduct::default_step(DType::f32));
  REQUIRE(report["losses"].size() == 2);
  for (const json& loss : report["losses"]) {
    CHECK(loss["loss"] > 0.0);
    REQUIRE(loss["worst_case"].size() == 2);
    for (const json& increase : loss["worst_case"]) {
      CHECK(increase["one_step"] > 0.0);
      CHECK(increase["multi_step"] >= increase["one_step"]);
    }
    CHECK(loss["worst_case"][1]["radius"] == 0.1);
    CHECK(loss["worst_case"][1]["multi_step"] > loss["worst_case"][0]["multi_step"]);
    REQUIRE(loss["eigenvalues"].size() == 1);
    for (const char* field : {"value", "residual", "error"}) CHECK(loss["eigenvalues"][0][field] > 0.0);
    CHECK(loss["trace"]["samples"] == 2);
    CHECK(loss["trace"]["standard_error"] > 0.0);
  }

  const std::string named = run.path("copies/named.json");
  run_sharpness({checkpoint}, options, {.json = named});
  CHECK(read_bytes(named) == bytes);
}

TEST_CASE("sharpness: only the losses that are asked for, in the order of the data") {
  const TinyRun& run = TinyRun::shared();
  SharpnessOptions options = quick();
  options.top = options.trace_samples = options.steps = 0;
  options.domains = {"total", "d1"};
  const SharpnessReport report = measure(run.checkpoint(), options);
  REQUIRE(report.losses.size() == 2);
  CHECK(report.losses[0].name == "d1");
  CHECK(report.losses[1].name == "total");
  options.domains = {"all"};
  CHECK(measure(run.checkpoint(), options).losses[1].worst_case.loss == report.losses[0].worst_case.loss);
}

TEST_CASE("sharpness: f32 and f64 agree for the same step, and the short one of f64 has next to no error") {
  const TinyRun& run = TinyRun::shared();
  SharpnessOptions options = quick();
  options.surface.images = 4;
  options.domains = {"d0"};
  options.radii = {0.05};
  options.steps = 0;
  options.trace_samples = 0;
  const LossSharpness single = measure(run.checkpoint(), options).losses.at(0);
  options.surface.place.precision = Precision::f64;
  const SharpnessReport exact = measure(run.checkpoint(), options);
  CHECK(exact.about["hessian_step"] == 1e-8);
  options.hessian_step = 1e-2;
  const LossSharpness same = measure(run.checkpoint(), options).losses.at(0);
  const Eigenvalue &a = single.eigenvalues.at(0), &b = same.eigenvalues.at(0), &c = exact.losses[0].eigenvalues.at(0);
  CHECK(a.value == doctest::Approx(b.value).epsilon(1e-2));
  CHECK(c.error < 1e-4 * c.value);
  CHECK(c.error < b.error);
  CHECK(single.worst_case.loss == doctest::Approx(same.worst_case.loss).epsilon(1e-5));
}

TEST_CASE("sharpness: --skip-existing takes over a file of the same settings and no other") {
  const TinyRun& run = TinyRun::shared();
  const std::string checkpoint = run.copy("skip"), file = run.path("copies/skip.sharpness.json");
  SharpnessOptions options = quick();
  options.top = options.trace_samples = options.steps = 0;
  options.domains = {"d0"};
  const SharpnessBatch skip{.json = {}, .skip_existing = true};
  run_sharpness({checkpoint}, options, skip);
  const std::string measured = read_bytes(file);
  json marked = json::parse(measured);
  marked["losses"][0]["loss"] = 123.0;  // shows whether the file was written again
  const auto kept = [&](const SharpnessOptions& with, const SharpnessBatch& batch) {
    write_bytes(file, nlohmann::ordered_json(marked).dump());
    run_sharpness({checkpoint}, with, batch);
    return json::parse(read_bytes(file))["losses"][0]["loss"] == 123.0;
  };
  CHECK(kept(options, skip));
  CHECK(!kept(options, {}));
  SharpnessOptions other = options;
  other.radii = {0.05};
  CHECK(!kept(other, skip));
  other = options;
  other.seed = 1;
  CHECK(!kept(other, skip));
  other = options;
  other.surface.data.trial_seed = 1;
  CHECK(!kept(other, skip));

  marked["losses"][0].erase("worst_case");
  CHECK(!kept(options, skip));
  write_bytes(file, measured.substr(0, measured.size() / 2));
  run_sharpness({checkpoint}, options, skip);
  CHECK(read_bytes(file) == measured);
  // Trained on since then.
  marked = json::parse(measured);
  marked["losses"][0]["loss"] = 123.0;
  write_bytes(file, marked.dump());
  fs::last_write_time(checkpoint, fs::last_write_time(file) + std::chrono::seconds(1));
  run_sharpness({checkpoint}, options, skip);
  CHECK(read_bytes(file) == measured);
}

TEST_CASE("sharpness: what cannot be measured is told by flag or file before anything is") {
  const TinyRun& run = TinyRun::shared();
  const std::string checkpoint = run.copy("errors");
  const auto error = [&](const auto& change, std::vector<std::string> files = {}) {
    SharpnessOptions options = quick();
    change(options);
    if (files.empty()) files = {checkpoint};
    return error_of([&] { run_sharpness(files, options, {}); });
  };
  for (const double radius : {0.0, -0.1, std::nan(""), std::numeric_limits<double>::infinity()}) {
    CHECK(error([&](SharpnessOptions& options) { options.radii = {0.05, radius}; }).find("--radii") == 0);
  }
  CHECK(error([](SharpnessOptions& options) { options.radii.clear(); }).find("--radii") == 0);
  CHECK(error([](SharpnessOptions& options) { options.steps = -1; }).find("--steps -1") == 0);
  CHECK(error([](SharpnessOptions& options) { options.restarts = 0; }).find("--restarts 0") == 0);
  CHECK(error([](SharpnessOptions& options) { options.top = 4; }).find("--lanczos-steps 3 cannot") == 0);
  CHECK(error([](SharpnessOptions& options) { options.trace_samples = -1; }).find("--trace-samples -1") == 0);
  CHECK(error([](SharpnessOptions& options) { options.hessian_step = std::nan(""); }).find("--hessian-step") == 0);
  CHECK(error([](SharpnessOptions& options) { options.surface.images = 0; }).find("--images 0") == 0);
  const std::string unknown = error([](SharpnessOptions& options) { options.domains = {"d0", "photo"}; });
  CHECK(unknown.find("--domains photo is no domain of") == 0);
  CHECK(unknown.find("d0, d1, d2, total, all") != std::string::npos);

  const auto nothing = [](const SharpnessOptions&) {};
  const std::string missing = run.path("nothing.safetensors"), foreign = run.path("foreign.safetensors");
  write_bytes(foreign, "not safetensors at all");
  for (const std::string& path : {missing, foreign}) {
    CHECK(error(nothing, {path}).find(path) != std::string::npos);
    CHECK(error(nothing, {checkpoint, path}).find(path) != std::string::npos);
  }
  CHECK(!fs::exists(run.path("copies/errors.sharpness.json")));

  TinyFolder other;
  fs::rename(other.data() + "/d0/dark", other.data() + "/d0/black");
  fs::rename(other.data() + "/d1/dark", other.data() + "/d1/black");
  fs::rename(other.data() + "/d2/dark", other.data() + "/d2/black");
  CHECK(error([&](SharpnessOptions& options) { options.surface.data.data_dir = other.data(); }).find("'black'") !=
        std::string::npos);
  CHECK(error_of([&] {
          run_sharpness({checkpoint, checkpoint}, quick(), {.json = run.path("one.json")});
        }).find("--json names one file, and there are 2") == 0);
}

/// Of one algorithm, with figures that are easy to take means of.
SharpnessReport made(const std::string& algorithm, double scale) {
  SharpnessReport report;
  report.about = {{"checkpoint", "runs/a/last.safetensors"},
                  {"algorithm", algorithm},
                  {"step", 9},
                  {"seed", 1},
                  {"images", 256},
                  {"precision", "f32"},
                  {"radii", {0.05}},
                  {"ascent", {{"steps", 5}, {"restarts", 2}}},
                  {"top", 1},
                  {"lanczos_steps", 20},
                  {"trace_samples", 10},
                  {"measure_seed", 0}};
  for (const char* name : {"photo", "sketch", "cartoon", "total"}) {
    LossSharpness& loss = report.losses.emplace_back();
    loss.name = name;
    loss.role = loss.name == "cartoon" ? "unseen" : loss.name == "total" ? "total" : "source";
    const double value = scale * (loss.name == "sketch" ? 3 : 1);
    loss.worst_case = {.loss = value, .increases = {{0.05, 2 * value, 4 * value}}};
    loss.eigenvalues = {{10 * value, loss.name == "photo" ? value : 0, 0.1 * value}};
    loss.trace = Trace{100 * value, value};
  }
  return report;
}

/// With one blank for several.
std::string squeezed(std::string text) {
  text.erase(std::unique(text.begin(), text.end(), [](char a, char b) { return a == ' ' && b == ' '; }), text.end());
  return text;
}

TEST_CASE("sharpness: the tables say which figures are inexact, and the summary is mean and standard error") {
  const std::string text = squeezed(sharpness_text(made("sam", 1)));
  CHECK(text.find("sketch 3.0000 6.0000 12.0000\n") != std::string::npos);
  CHECK(text.find("photo 10.00 (1.0) 100.0 +/- 1.0\n") != std::string::npos);
  CHECK(text.find("make them:\n photo lambda1 (10 %)\n") != std::string::npos);
  CHECK(text.find("finite differences") == std::string::npos);

  const std::string summary = squeezed(sharpness_summary({made("sam", 1), made("dgsam", 1), made("sam", 2)}));
  CHECK(summary.find(" sam dgsam\ncheckpoints 2 1\n") != std::string::npos);
  // Sources: means 2 and 4 of the losses, 3 between them; their standard error is |4 - 2|/2.
  CHECK(summary.find("sources, mean\n loss 3.000 +/- 1.0 2.000\n") != std::string::npos);
  CHECK(summary.find("unseen domain\n loss 1.500 +/- 0.50 1.000\n") != std::string::npos);
  CHECK(summary.find(" lambda1 15.00 +/- 5.0 10.00\n") != std::string::npos);
}

}  // namespace
}  // namespace dgsam
