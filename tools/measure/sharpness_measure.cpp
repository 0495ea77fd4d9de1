#include "tools/measure/sharpness_measure.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "data/splits.h"
#include "engine/core/check.h"
#include "tools/measure/measurement_file.h"
#include "tools/train/open_data.h"

namespace dgsam {

namespace {

namespace fs = std::filesystem;

const char* const kTotal = "total";

/// Tells what a pass over images is worth before it begins.
class WeighedLoss final : public Loss {
 public:
  WeighedLoss(Loss& loss, std::int64_t& weight) : loss_(loss), weight_(weight) {}

  double loss(const FlatVector& theta) override {
    weight_ = 1;
    return loss_.loss(theta);
  }
  void gradient(const FlatVector& theta, FlatVector& g) override {
    weight_ = kGradientWork;
    loss_.gradient(theta, g);
  }

 private:
  Loss& loss_;
  std::int64_t& weight_;
};

void check(const SharpnessOptions& options) {
  require(!options.radii.empty(), "--radii: at least one radius is needed, such as 0.05");
  for (const double radius : options.radii) {
    require(std::isfinite(radius) && radius > 0, "--radii ", radius, ": a radius is a positive number, such as 0.05");
  }
  require(options.steps >= 0, "--steps ", options.steps, ": 0 or more steps of ascent");
  require(options.restarts >= 1, "--restarts ", options.restarts, ": 1 or more starts of the ascent");
  require(options.top >= 0, "--top ", options.top, ": 0 or more eigenvalues");
  require(options.lanczos_steps >= options.top, "--lanczos-steps ", options.lanczos_steps, " cannot give --top ",
          options.top, " eigenvalues: it takes at least as many steps, better several times as many");
  require(options.trace_samples >= 0, "--trace-samples ", options.trace_samples, ": 0 or more samples");
  require(std::isfinite(options.hessian_step) && options.hessian_step >= 0, "--hessian-step ", options.hessian_step,
          ": a positive length in the space of the parameters, such as 0.01");
  require(options.surface.place.batch_size >= 1, "--batch-size ", options.surface.place.batch_size, ": 1 or more");
  require(options.surface.images >= 1, "--images ", options.surface.images, ": at least one image per domain");
}

Precision precision_of(const SharpnessOptions& options) {
  return options.surface.place.precision.value_or(Precision::f32);
}

double hessian_step_of(const SharpnessOptions& options) {
  if (options.hessian_step > 0) return options.hessian_step;
  return HessianProduct::default_step(precision_of(options) == Precision::f64 ? DType::f64 : DType::f32);
}

/// Images per pass: at most --batch-size, and such that next to none of --images is left over.
int batch_of(const SharpnessOptions& options) {
  const int images = options.surface.images, most = options.surface.place.batch_size;
  return images / ((images + most - 1) / most);
}

/// The data trees of checkpoints, each read once.
class Folders {
 public:
  const ImageFolder& at(const TrainConfig& config) {
    const auto [found, is_new] = folders_.try_emplace(
        {config.dataset, config.data_dir, config.manifest, config.allow_missing_classes ? "union" : ""});
    if (is_new) {
      found->second = open_data(config);
      for (const std::string& note : found->second.notes) std::fprintf(stderr, "note: %s\n", note.c_str());
    }
    return found->second;
  }

 private:
  std::map<std::array<std::string, 4>, ImageFolder> folders_;
};

/// Those of `asked` in the order of the data, the total last.
std::vector<std::string> chosen_losses(const std::vector<std::string>& asked, const ImageFolder& folder) {
  std::vector<std::string> known;
  for (const Domain& domain : folder.domains) known.push_back(domain.name);
  known.emplace_back(kTotal);
  const auto is_asked = [&](const std::string& name) {
    return std::find(asked.begin(), asked.end(), name) != asked.end();
  };
  if (is_asked("all")) return known;
  std::string list;
  for (const std::string& name : known) list += name + ", ";
  require(!asked.empty(), "--domains: names a loss at least, of: ", list, "all");
  for (const std::string& name : asked) {
    require(std::find(known.begin(), known.end(), name) != known.end(), "--domains ", name, " is no domain of ",
            folder.root.string(), ", which has: ", list, "all");
  }
  std::erase_if(known, [&](const std::string& name) { return !is_asked(name); });
  return known;
}

/// At most, before domains are cut to whole batches.
std::int64_t images_of(const std::string& loss, const ImageFolder& folder, int test_env, const TrainConfig& config,
                       int most) {
  std::int64_t images = 0;
  for (int domain = 0; domain < static_cast<int>(folder.domains.size()); ++domain) {
    const Domain& data = folder.domains[static_cast<std::size_t>(domain)];
    if (loss == kTotal ? domain == test_env : loss != data.name) continue;
    const Split split = split_domain(data, config.holdout, config.trial_seed, domain);
    images += std::min<std::int64_t>(most, std::ssize(split.in));
  }
  return images;
}

SharpnessPlan plan_one(const std::string& path, const SharpnessOptions& options, Folders& folders) {
  SharpnessPlan plan{.checkpoint = read_checkpoint(path), .about = {}, .losses = {}};
  const TrainConfig& trained = plan.checkpoint.config;
  const SurfaceOptions& surface = options.surface;
  const TrainConfig config = surface.data.over(trained);

  const ImageFolder& folder = folders.at(config);
  require_same_data(plan.checkpoint, folder);
  const int test_env = find_test_env(folder, config.test_env);
  plan.losses = chosen_losses(options.domains, folder);
  const SharpnessCost cost = sharpness_cost(options);
  for (const std::string& loss : plan.losses) {
    plan.work +=
        images_of(loss, folder, test_env, config, surface.images) * (cost.losses + kGradientWork * cost.gradients);
  }
  plan.about = {{"checkpoint", path},
                {"algorithm", trained.algorithm},
                {"step", plan.checkpoint.step},
                {"seed", trained.seed},
                {"trial_seed", config.trial_seed},
                {"rho", trained.rho},
                {"root", folder.root.string()},
                {"test_env", test_env == kNoTestEnv ? std::string("none")
                                                    : folder.domains[static_cast<std::size_t>(test_env)].name},
                {"holdout", config.holdout},
                {"domains", plan.losses},
                {"images", surface.images},
                {"batch_size", batch_of(options)},
                {"precision", word_of(precision_of(options))},
                {"radii", options.radii},
                {"ascent", {{"steps", options.steps}, {"restarts", options.restarts}}},
                {"top", options.top},
                {"lanczos_steps", options.lanczos_steps},
                {"hessian_step", hessian_step_of(options)},
                {"trace_samples", options.trace_samples},
                {"measure_seed", options.seed}};
  return plan;
}

void write_json(const std::string& path, const SharpnessReport& report) { write_measurement(path, report.json()); }

/// The report in `path`, unless the checkpoint is newer.
std::optional<SharpnessReport> existing_report(const std::string& path, const SharpnessPlan& plan) {
  std::error_code missing, unreadable;
  const auto written = fs::last_write_time(path, missing),
             trained = fs::last_write_time(plan.checkpoint.path, unreadable);
  if (missing || unreadable || written < trained) return std::nullopt;
  return read_sharpness(path, plan.about);
}

}  // namespace

SharpnessCost sharpness_cost(const SharpnessOptions& options) {
  const std::int64_t climbs = static_cast<std::int64_t>(options.radii.size()) * options.restarts * options.steps;
  const std::int64_t products = options.top > 0 ? options.lanczos_steps + 2 * options.top : 0;
  return {.losses = 1 + std::ssize(options.radii) + climbs,
          .gradients = 1 + climbs + 2 * (products + options.trace_samples)};
}

LossSharpness measure_loss(Backend& backend, Loss& loss, const FlatVector& theta, const SharpnessOptions& options) {
  LossSharpness result;
  result.worst_case = worst_case(backend, loss, theta, options.radii,
                                 {.steps = options.steps, .restarts = options.restarts, .seed = options.seed});
  HessianProduct hessian(backend, loss, theta, hessian_step_of(options));
  if (options.top > 0) {
    result.eigenvalues =
        largest_eigenvalues(hessian, {.top = options.top, .steps = options.lanczos_steps, .seed = options.seed});
  }
  if (options.trace_samples > 0) result.trace = hessian_trace(hessian, options.trace_samples, options.seed);
  return result;
}

std::vector<SharpnessPlan> plan_sharpness(const std::vector<std::string>& checkpoints,
                                          const SharpnessOptions& options) {
  check(options);
  require(!checkpoints.empty(), "there is no checkpoint to measure");
  Folders folders;
  std::vector<SharpnessPlan> plans;
  for (const std::string& path : checkpoints) plans.push_back(plan_one(path, options, folders));
  return plans;
}

SharpnessReport measure_sharpness(const SharpnessPlan& plan, const SharpnessOptions& options, ProgressBar& progress) {
  SurfaceOptions surface_options = options.surface;
  surface_options.place.precision = precision_of(options);
  surface_options.place.batch_size = batch_of(options);
  CheckpointSurface surface(plan.checkpoint, surface_options);
  SharpnessReport report{plan.about, {}};
  const SharpnessCost cost = sharpness_cost(options);
  std::int64_t left = plan.work, weight = 1;
  for (const CheckpointSurface::NamedLoss& named : surface.losses()) {
    if (std::find(plan.losses.begin(), plan.losses.end(), named.name) == plan.losses.end()) continue;
    std::int64_t of_loss = named.images * (cost.losses + kGradientWork * cost.gradients);
    surface.domain_losses().set_progress([&](std::int64_t images) {
      of_loss -= weight * images;
      left -= weight * images;
      progress.advance(weight * images, named.name);
    });
    WeighedLoss loss(*named.loss, weight);
    try {
      report.losses.push_back(measure_loss(surface.backend(), loss, surface.theta(), options));
    } catch (const Error& error) {
      fail(plan.checkpoint.path, ", ", named.name, ": ", error.what());
    }
    report.losses.back().name = named.name;
    report.losses.back().role = named.role;
    report.losses.back().images = named.images;
    left -= of_loss;  // that Lanczos did without
    progress.advance(of_loss);
  }
  progress.advance(left);  // images of incomplete batches
  return report;
}

void run_sharpness(const std::vector<std::string>& checkpoints, const SharpnessOptions& options,
                   const SharpnessBatch& batch) {
  require(batch.json.empty() || checkpoints.size() == 1, "--json names one file, and there are ", checkpoints.size(),
          " checkpoints: without it each gets <stem>.sharpness.json beside it");
  const std::vector<SharpnessPlan> plans = plan_sharpness(checkpoints, options);
  std::vector<std::string> files;
  std::vector<std::optional<SharpnessReport>> found;
  std::int64_t work = 0;
  for (const SharpnessPlan& plan : plans) {
    files.push_back(batch.json.empty() ? fs::path(plan.checkpoint.path).replace_extension(".sharpness.json").string()
                                       : batch.json);
    found.push_back(batch.skip_existing ? existing_report(files.back(), plan) : std::nullopt);
    if (!found.back()) work += plan.work;
  }
  std::optional<ProgressBar> progress;
  if (work > 0) progress.emplace("Measuring", work);
  std::vector<SharpnessReport> reports;
  std::size_t failed = 0;
  for (std::size_t i = 0; i < plans.size(); ++i) {
    try {
      const bool measured = !found[i];
      if (measured) {
        found[i] = measure_sharpness(plans[i], options, *progress);
        write_json(files[i], *found[i]);
        progress->pause();
      }
      std::printf("%s%s %s\n\n", sharpness_text(*found[i]).c_str(), measured ? "Written to" : "Read from",
                  files[i].c_str());
      std::fflush(stdout);
      reports.push_back(*std::move(found[i]));
    } catch (const Error& error) {
      if (plans.size() == 1) throw;
      progress->pause();
      std::fprintf(stderr, "dgsam-run: %s\n", error.what());
      ++failed;
    }
  }
  if (progress) progress->finish();
  if (plans.size() > 1 && !reports.empty()) std::printf("%s", sharpness_summary(reports).c_str());
  require(failed == 0, failed, " of ", plans.size(), " checkpoints could not be measured");
}

}  // namespace dgsam
