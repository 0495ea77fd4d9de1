#include "tools/lab/experiments/toy.h"

#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "engine/core/check.h"
#include "engine/core/rng.h"
#include "tools/lab/experiments/toy_figure.h"

namespace dgsam {
namespace {

ToyOptions quick(std::vector<std::string> algorithms, std::vector<double> rho) {
  ToyOptions options;
  options.algorithms = std::move(algorithms);
  options.rho = std::move(rho);
  options.starts = 4;
  options.steps = 300;
  return options;
}

double distance(ToyPoint a, ToyPoint b) { return std::hypot(a.u - b.u, a.v - b.v); }

}  // namespace

TEST_CASE("toy: gradients are those of the losses") {
  RandomStream random(1, "toy-test");
  constexpr double kStep = 1e-6;
  for (int i = 0; i < 200; ++i) {
    const ToyPoint at{random.uniform(-2.2, 2.2), random.uniform(-1.7, 1.7)};
    for (const int domain : {0, 1}) {
      const auto loss = [&](double du, double dv) { return toy_domain(domain, {at.u + du, at.v + dv}).loss; };
      const ToyPoint gradient = toy_domain(domain, at).gradient;
      CHECK(gradient.u == doctest::Approx((loss(kStep, 0) - loss(-kStep, 0)) / (2 * kStep)).epsilon(1e-7));
      CHECK(gradient.v == doctest::Approx((loss(0, kStep) - loss(0, -kStep)) / (2 * kStep)).epsilon(1e-7));
    }
    // The total is mirror-symmetric: what sees it alone cannot tell the minima apart.
    CHECK(toy_total(at).loss == doctest::Approx(toy_total({-at.u, at.v}).loss).epsilon(1e-12));
  }
}

TEST_CASE("toy: both minima look alike in the total, and the domains tell the fake one") {
  for (const ToyPoint minimum : {kFakeMinimum, kFlatMinimum}) {
    const ToyLoss total = toy_total(minimum);
    CHECK(std::abs(total.loss) < 1e-15);
    CHECK(std::abs(total.gradient.u) < 1e-15);
    CHECK(std::abs(total.gradient.v) < 1e-15);
    for (const double curvature : toy_curvatures(-1, minimum)) CHECK(curvature == doctest::Approx(1).epsilon(1e-6));
    for (int i = 0; i < 16; ++i) {  // and it is a minimum
      const double angle = i * 0.3927;
      CHECK(toy_total({minimum.u + 0.1 * std::cos(angle), minimum.v + 0.1 * std::sin(angle)}).loss > 0.003);
    }
  }
  for (const int domain : {0, 1}) {
    const auto fake = toy_curvatures(domain, kFakeMinimum), flat = toy_curvatures(domain, kFlatMinimum);
    CHECK(fake[0] == doctest::Approx(1 - kToyDifference).epsilon(1e-6));
    CHECK(fake[1] == doctest::Approx(1 + kToyDifference).epsilon(1e-6));
    CHECK(flat[0] == doctest::Approx(1).epsilon(1e-6));
    CHECK(flat[1] == doctest::Approx(1).epsilon(1e-6));
    // A stationary point of each domain, so that its gradients are no clue either.
    CHECK(std::hypot(toy_domain(domain, kFakeMinimum).gradient.u, toy_domain(domain, kFakeMinimum).gradient.v) < 1e-12);
    CHECK(std::hypot(toy_domain(domain, kFlatMinimum).gradient.u, toy_domain(domain, kFlatMinimum).gradient.v) < 1e-7);
  }
}

TEST_CASE("toy: what sees the mean alone takes mirror-image paths; DGSAM tells the minima apart") {
  const ToyResult result = run_toy(quick({"erm", "sam", "gsam", "sagm", "dgsam"}, {0, 0.1}));
  REQUIRE(result.cells.size() == 9);
  const auto starts = toy_starts(4);
  REQUIRE(starts.size() == 16);
  for (const ToyCell& cell : result.cells) {
    REQUIRE(cell.runs.size() == 16);
    CHECK(cell.fraction(ToyEnd::fake) + cell.fraction(ToyEnd::flat) + cell.fraction(ToyEnd::elsewhere) ==
          doctest::Approx(1));
    if (cell.algorithm == "dgsam") continue;
    CHECK(cell.fraction(ToyEnd::fake) == 0.5);
    CHECK(cell.fraction(ToyEnd::flat) == 0.5);
    for (std::size_t i = 0; i < 16; ++i) {
      const ToyPoint end = cell.runs[i].path.back(), mirrored = cell.runs[i / 4 * 4 + 3 - i % 4].path.back();
      CHECK(distance(end, {-mirrored.u, mirrored.v}) < 1e-6);
    }
  }
  // Unperturbed, DGSAM stays where ERM does; perturbed, it leaves the fake minimum and never comes back from the flat
  // one.
  CHECK(result.find("dgsam", 0)->fraction(ToyEnd::fake) > 0.35);
  const ToyCell& dgsam = *result.find("dgsam", 0.1);
  CHECK(dgsam.fraction(ToyEnd::fake) < 0.2);
  CHECK(dgsam.fraction(ToyEnd::flat) > 0.6);
  for (std::size_t i = 0; i < 16; ++i) {
    if (result.find("dgsam", 0)->runs[i].end == ToyEnd::flat) CHECK(dgsam.runs[i].end != ToyEnd::fake);
  }
}

TEST_CASE("toy: one step of SGD is the closed form, with the production methods") {
  ToyOptions options = quick({"erm", "sam"}, {0.1});
  options.steps = 1;
  const ToyResult result = run_toy(options);
  const auto starts = toy_starts(options.starts);
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const ToyPoint g = toy_total(starts[i]).gradient;
    const double norm = std::hypot(g.u, g.v);
    const ToyPoint up = toy_total({starts[i].u + 0.1 * g.u / norm, starts[i].v + 0.1 * g.v / norm}).gradient;
    const double lr = options.optimizer.learning_rate;
    CHECK(distance(result.cells[0].runs[i].path.back(), {starts[i].u - lr * g.u, starts[i].v - lr * g.v}) < 1e-12);
    CHECK(distance(result.cells[1].runs[i].path.back(), {starts[i].u - lr * up.u, starts[i].v - lr * up.v}) < 1e-12);
  }
}

TEST_CASE("toy: the same options give the same bits, another seed other orders") {
  ToyOptions options = quick({"dgsam"}, {0.1});
  const std::string once = toy_json(run_toy(options)).dump(), again = toy_json(run_toy(options)).dump();
  CHECK(once == again);
  options.seed = 1;
  CHECK(toy_json(run_toy(options))["trajectories"] != nlohmann::ordered_json::parse(once)["trajectories"]);
}

TEST_CASE("toy: a run that leaves the finite numbers is elsewhere, and counted") {
  ToyOptions options = quick({"erm"}, {0});
  options.optimizer.learning_rate = 1e3;
  const ToyResult result = run_toy(options);
  CHECK(result.cells[0].fraction(ToyEnd::elsewhere) == 1);
  for (const ToyRun& run : result.cells[0].runs) {
    REQUIRE(!run.path.empty());
    for (const ToyPoint at : run.path) CHECK(std::isfinite(at.u + at.v));
  }
  CHECK(toy_figure(result, 0).find("nan") == std::string::npos);
  const std::string table = toy_table(result);
  CHECK(table.substr(table.rfind("elsewhere")).find(" 1.00") != std::string::npos);
}

TEST_CASE("toy: ends are told by the radius") {
  CHECK(toy_end({-1.3, 0.1}, 0.35) == ToyEnd::fake);
  CHECK(toy_end({1, -0.35}, 0.35) == ToyEnd::flat);
  CHECK(toy_end({0, 0}, 0.35) == ToyEnd::elsewhere);
  CHECK(toy_end({std::nan(""), 0}, 0.35) == ToyEnd::elsewhere);
}

TEST_CASE("toy: wrong options are named") {
  const auto message = [](const ToyOptions& options) -> std::string {
    try {
      check(options);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  CHECK(message(ToyOptions{}).empty());
  CHECK(message(quick({"erm"}, {0.1, 0.1})) == "--rho has 0.1 twice");
  CHECK(message(quick({"erm"}, {-1})) == "--rho -1: must be 0 or more");
  ToyOptions options;
  options.radius = 1;
  CHECK(message(options).starts_with("--radius 1: "));
  options = {};
  options.steps = 0;
  CHECK(message(options).starts_with("--steps 0: "));
}

TEST_CASE("toy: the figure has a panel per method and surface, and refuses a rho that was not run") {
  const ToyResult result = run_toy(quick({"erm", "dgsam"}, {0.05}));
  const std::string svg = toy_figure(result, 0.05);
  std::size_t uses = 0;
  for (std::size_t at = svg.find("href=\"#surface"); at != std::string::npos; at = svg.find("href=\"#surface", at + 1))
    ++uses;
  CHECK(uses == 6);
  CHECK(svg.find("prefers-color-scheme: dark") != std::string::npos);
  CHECK(svg.find("http", svg.find('>')) == std::string::npos);  // self-contained
  CHECK(svg.ends_with("</svg>\n"));
  CHECK_THROWS_WITH(toy_figure(result, 0.1), "--draw-rho 0.1 is none of --rho");
}

}  // namespace dgsam
