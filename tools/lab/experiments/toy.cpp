#include "tools/lab/experiments/toy.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "engine/core/check.h"
#include "engine/core/rng.h"
#include "engine/make_backend.h"
#include "tools/terminal/progress.h"
#include "tools/terminal/text_columns.h"

namespace dgsam {
namespace {

constexpr std::array kEnds = {ToyEnd::fake, ToyEnd::flat, ToyEnd::elsewhere};

const char* name_of(ToyEnd end) { return end == ToyEnd::fake ? "fake" : end == ToyEnd::flat ? "flat" : "elsewhere"; }

const char* name_of_loss(int domain) { return domain < 0 ? "total" : domain == 0 ? "domain 1" : "domain 2"; }

std::string number(const char* format, double value) {
  char text[32];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

bool is_finite(ToyPoint at) { return std::isfinite(at.u) && std::isfinite(at.v); }

/// Every step at first, when paths move most, then about sixty more.
std::vector<std::int64_t> kept_steps(std::int64_t steps) {
  std::vector<std::int64_t> kept;
  const std::int64_t stride = std::max<std::int64_t>(1, steps / 60);
  for (std::int64_t step = 0; step < steps; step += step < 40 ? 1 : stride) kept.push_back(step);
  kept.push_back(steps);
  return kept;
}

ToyRun run(Backend& backend, const MethodOptions& method_options, const ToyResult& result, ToyPoint start) {
  FlatVector theta(backend, ToyGradient::layout(), DType::f64);
  ToyGradient::write(backend, theta, start);
  ToyGradient gradient(backend);
  const auto base = make_base_optimizer(backend, theta, result.options.optimizer);
  const auto method = make_method(backend, *base, theta, kToyDomains, method_options);
  ToyRun run;
  ToyPoint at = start;
  std::int64_t step = 0;
  for (const std::int64_t kept : result.kept) {
    for (; step < kept && is_finite(at); ++step) {
      method->step(step, theta, gradient);
      at = ToyGradient::read(backend, theta);
    }
    if (!is_finite(at)) break;
    run.path.push_back(at);
  }
  run.end = toy_end(at, result.options.radius);
  return run;
}

nlohmann::ordered_json minimum_json(const char* name, ToyPoint at) {
  nlohmann::ordered_json json{{"name", name}, {"at", {at.u, at.v}}, {"losses", nlohmann::ordered_json::array()}};
  for (const int domain : {0, 1, -1}) {
    const ToyLoss loss = domain < 0 ? toy_total(at) : toy_domain(domain, at);
    json["losses"].push_back(
        {{"name", name_of_loss(domain)}, {"loss", loss.loss}, {"curvatures", toy_curvatures(domain, at)}});
  }
  return json;
}

/// Six significant digits: what a figure needs, at a third of the size.
double rounded(double value) { return std::stod(number("%.6g", value)); }

}  // namespace

OptimizerOptions toy_optimizer() {
  OptimizerOptions options;
  options.name = "sgd";
  options.learning_rate = 0.1;
  options.momentum = 0;
  return options;
}

void check(const ToyOptions& options) {
  require(!options.algorithms.empty(), "--algorithms needs at least one method");
  require(!options.rho.empty(), "--rho needs at least one value");
  require(options.steps >= 1, "--steps ", options.steps, ": a run has at least one step");
  require(options.starts >= 1 && options.starts <= 100, "--starts ", options.starts, ": must lie between 1 and 100");
  require(options.radius > 0 && options.radius < 1, "--radius ", options.radius,
          ": must lie between 0 and 1, half the distance of the minima");
  for (std::size_t i = 0; i < options.rho.size(); ++i) {
    require(options.rho[i] >= 0 && std::isfinite(options.rho[i]), "--rho ", options.rho[i], ": must be 0 or more");
    require(std::find(options.rho.begin(), options.rho.begin() + static_cast<std::ptrdiff_t>(i), options.rho[i]) ==
                options.rho.begin() + static_cast<std::ptrdiff_t>(i),
            "--rho has ", options.rho[i], " twice");
  }
}

ToyEnd toy_end(ToyPoint at, double radius) {
  const auto within = [&](ToyPoint minimum) { return std::hypot(at.u - minimum.u, at.v - minimum.v) <= radius; };
  return within(kFakeMinimum) ? ToyEnd::fake : within(kFlatMinimum) ? ToyEnd::flat : ToyEnd::elsewhere;
}

double ToyCell::fraction(ToyEnd end) const {
  const auto count = std::count_if(runs.begin(), runs.end(), [&](const ToyRun& run) { return run.end == end; });
  return static_cast<double>(count) / static_cast<double>(runs.size());
}

const ToyCell* ToyResult::find(const std::string& algorithm, double rho) const {
  const auto found = std::find_if(cells.begin(), cells.end(), [&](const ToyCell& cell) {
    return cell.algorithm == algorithm && (!cell.rho || *cell.rho == rho);
  });
  return found == cells.end() ? nullptr : &*found;
}

std::vector<ToyPoint> toy_starts(int per_axis) {
  std::vector<ToyPoint> starts;
  // (2i + 1 - n)/n: mirror-symmetric to the bit.
  const auto centre = [&](int i) { return static_cast<double>(2 * i + 1 - per_axis) / per_axis; };
  for (int row = 0; row < per_axis; ++row) {
    for (int column = 0; column < per_axis; ++column) {
      starts.push_back({kToyStartU * centre(column), kToyStartV * centre(row)});
    }
  }
  return starts;
}

ToyResult run_toy(const ToyOptions& options) {
  check(options);
  ToyResult result{options, kept_steps(options.steps), {}};
  for (const std::string& algorithm : options.algorithms) {
    for (const double rho : options.rho) {
      if (has_ascent(algorithm)) {
        result.cells.push_back({algorithm, rho, {}});
      } else if (rho == options.rho.front()) {
        result.cells.push_back({algorithm, std::nullopt, {}});
      }
    }
  }
  const std::vector<ToyPoint> starts = toy_starts(options.starts);
  const auto backend = make_backend("cpu", {.threads = 1, .onednn = false});
  ProgressBar progress("Toy runs", static_cast<std::int64_t>(result.cells.size() * starts.size()));
  for (ToyCell& cell : result.cells) {
    MethodOptions method;
    method.name = cell.algorithm;
    method.rho = cell.rho.value_or(0);
    method.scale = options.dgsam_scale == "sum" ? DgsamScale::sum : DgsamScale::mean;
    for (std::size_t i = 0; i < starts.size(); ++i) {
      const std::uint64_t seed = RandomStream(options.seed, "toy-run", i).next_u64();
      method.seed = seed;
      method.order = options.domain_order == "random" ? random_order(kToyDomains, seed) : fixed_order(kToyDomains);
      cell.runs.push_back(run(*backend, method, result, starts[i]));
      progress.advance();
    }
  }
  progress.finish();
  return result;
}

std::string toy_table(const ToyResult& result) {
  std::vector<std::vector<std::string>> minima{{"curvatures", "domain 1", "domain 2", "total"}};
  for (const ToyEnd end : {ToyEnd::fake, ToyEnd::flat}) {
    const ToyPoint at = end == ToyEnd::fake ? kFakeMinimum : kFlatMinimum;
    minima.push_back({name_of(end) + number(" minimum (%g, 0)", at.u)});
    for (const int domain : {0, 1, -1}) {
      const auto [low, high] = toy_curvatures(domain, at);
      minima.back().push_back(number("%.2f", low) + number(" %5.2f", high));
    }
  }
  std::vector<std::vector<std::string>> rows{{"method", "ends"}};
  for (const double rho : result.options.rho) rows[0].push_back(number("rho %g", rho));
  for (const std::string& algorithm : result.options.algorithms) {
    for (const ToyEnd end : kEnds) {
      rows.push_back({end == ToyEnd::fake ? algorithm : "", name_of(end)});
      for (const double rho : result.options.rho) {
        rows.back().push_back(number("%.2f", result.find(algorithm, rho)->fraction(end)));
      }
    }
  }
  return text_columns(minima) + "\nFraction of " + std::to_string(result.cells[0].runs.size()) +
         " starts; erm has no rho:\n" + text_columns(rows);
}

nlohmann::ordered_json toy_json(const ToyResult& result) {
  const ToyOptions& options = result.options;
  nlohmann::ordered_json json{{"algorithms", options.algorithms},
                              {"rho", options.rho},
                              {"optimizer", options.optimizer.name},
                              {"lr", options.optimizer.learning_rate},
                              {"momentum", options.optimizer.momentum},
                              {"steps", options.steps},
                              {"starts", options.starts},
                              {"radius", options.radius},
                              {"seed", options.seed},
                              {"domain_order", options.domain_order},
                              {"dgsam_scale", options.dgsam_scale},
                              {"k", kToyDifference},
                              {"s", kToyReach}};
  json["minima"] = {minimum_json("fake", kFakeMinimum), minimum_json("flat", kFlatMinimum)};
  for (const ToyCell& cell : result.cells) {
    nlohmann::ordered_json entry{{"algorithm", cell.algorithm}};
    entry["rho"] = cell.rho ? nlohmann::ordered_json(*cell.rho) : nlohmann::ordered_json();
    for (const ToyEnd end : kEnds) entry[name_of(end)] = cell.fraction(end);
    json["fractions"].push_back(std::move(entry));
  }
  json["kept_steps"] = result.kept;
  for (const ToyCell& cell : result.cells) {
    for (const ToyRun& run : cell.runs) {
      nlohmann::ordered_json path = nlohmann::ordered_json::array();
      for (const ToyPoint at : run.path) path.push_back({rounded(at.u), rounded(at.v)});
      nlohmann::ordered_json entry{{"algorithm", cell.algorithm}};
      entry["rho"] = cell.rho ? nlohmann::ordered_json(*cell.rho) : nlohmann::ordered_json();
      entry["end"] = name_of(run.end);
      entry["path"] = std::move(path);
      json["trajectories"].push_back(std::move(entry));
    }
  }
  return json;
}

}  // namespace dgsam
