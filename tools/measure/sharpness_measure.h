// Worst-case loss increases and curvature of checkpoints, per domain and in total.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/measure/checkpoint_surface.h"
#include "tools/measure/sharpness_report.h"
#include "tools/terminal/progress.h"

namespace dgsam {

struct SharpnessOptions {
  SurfaceOptions surface = {};                 ///< place.precision none: f32
  std::vector<std::string> domains = {"all"};  ///< or "total", or names of domains
  std::vector<double> radii = {0.025, 0.05, 0.1};
  int steps = 5, restarts = 2;  ///< of the ascent
  int top = 3;                  ///< eigenvalues; 0: none
  int lanczos_steps = 20;       ///< at most
  int trace_samples = 10;       ///< 0: no trace
  double hessian_step = 0;      ///< of finite differences; 0: HessianProduct::default_step() of the parameters
  std::uint64_t seed = 0;       ///< of restarts, Lanczos and trace; every loss gets the same directions
};

/// How many losses and gradients one loss function is asked for, at most.
struct SharpnessCost {
  std::int64_t losses = 0, gradients = 0;
};
SharpnessCost sharpness_cost(const SharpnessOptions& options);

/// Everything but the names. Throws Error when the loss or its gradient is not finite.
LossSharpness measure_loss(Backend& backend, Loss& loss, const FlatVector& theta, const SharpnessOptions& options);

/// A checkpoint that was looked at, with what will be measured.
struct SharpnessPlan {
  Checkpoint checkpoint;
  nlohmann::ordered_json about;     ///< of its report
  std::vector<std::string> losses;  ///< names
  std::int64_t work = 0;            ///< images to look at, those of gradients counted kGradientWork times; at most
};
inline constexpr int kGradientWork = 3;

/// Reads the metadata of the checkpoints and the trees of their data, so that what is wrong is known before anything
/// is measured. Throws Error that names the flag of an option that makes no sense, and what CheckpointSurface throws.
std::vector<SharpnessPlan> plan_sharpness(const std::vector<std::string>& checkpoints, const SharpnessOptions& options);

/// Throws Error that names the checkpoint, also where a loss is not finite. `progress` advances by plan.work.
SharpnessReport measure_sharpness(const SharpnessPlan& plan, const SharpnessOptions& options, ProgressBar& progress);

struct SharpnessBatch {
  std::string json;            ///< file to write, for one checkpoint; empty: <stem>.sharpness.json beside each
  bool skip_existing = false;  ///< a checkpoint whose file has the same settings and is not older is not measured again
};

/// Measures all of them and writes a file for each, with tables on standard output and progress on standard error. A
/// checkpoint that fails is named and the others go on; then Error is thrown at the end.
void run_sharpness(const std::vector<std::string>& checkpoints, const SharpnessOptions& options,
                   const SharpnessBatch& batch);

}  // namespace dgsam
