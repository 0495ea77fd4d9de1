// Runs of the training methods on the toy problem, and what came of them.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "optim/base_optimizer.h"
#include "optim/make_method.h"
#include "tools/lab/experiments/toy_problem.h"

namespace dgsam {

/// Starts lie in this rectangle; so does what the figure shows, with a margin.
inline constexpr double kToyStartU = 2, kToyStartV = 1.5;

/// SGD with learning rate 0.1 and no momentum.
OptimizerOptions toy_optimizer();

struct ToyOptions {
  std::vector<std::string> algorithms{"erm", "sam", "dgsam"};
  std::vector<double> rho{0, 0.025, 0.05, 0.1};
  OptimizerOptions optimizer = toy_optimizer();
  std::int64_t steps = 2000;
  int starts = 12;       ///< per axis: the centres of starts × starts cells of the rectangle
  double radius = 0.35;  ///< around a minimum, within which a run counts as ended in it
  std::uint64_t seed = 0;
  std::string domain_order = "random";  ///< or "fixed"
  std::string dgsam_scale = "sum";      ///< or "mean"
};

/// Throws Error that names the flag unless all values make sense.
void check(const ToyOptions& options);

enum class ToyEnd : std::uint8_t { fake, flat, elsewhere };
/// By the distance to the minima. A point that is not finite is elsewhere.
ToyEnd toy_end(ToyPoint at, double radius);

struct ToyRun {
  std::vector<ToyPoint> path;  ///< at ToyResult::kept of the steps, the last one included
  ToyEnd end = ToyEnd::elsewhere;
};

/// One method with one rho, from every start.
struct ToyCell {
  std::string algorithm;
  std::optional<double> rho;  ///< none for ERM, which has no rho and runs once
  std::vector<ToyRun> runs;   ///< in the order of the starts

  /// Of the runs.
  double fraction(ToyEnd end) const;
};

struct ToyResult {
  ToyOptions options;
  std::vector<std::int64_t> kept;  ///< numbers of steps after which points of paths were kept: 0, ..., steps
  std::vector<ToyCell> cells;      ///< in the order of the algorithms, then of rho

  /// The cell of that method and rho, or ERM's; nullptr when there is none.
  const ToyCell* find(const std::string& algorithm, double rho) const;
};

/// Row by row, from the lower left.
std::vector<ToyPoint> toy_starts(int per_axis);

/// Runs everything by the methods and optimizers of optim/, in f64 on the CPU. Shows progress. Run i draws its domain
/// orders from (seed, i), the same for all methods and rho. A run ends early when θ is no longer finite.
ToyResult run_toy(const ToyOptions& options);

/// Curvatures at the minima, then fractions: rows are methods and ends, columns are rho.
std::string toy_table(const ToyResult& result);
nlohmann::ordered_json toy_json(const ToyResult& result);

}  // namespace dgsam
