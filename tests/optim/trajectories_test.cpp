// The methods on quadratics: numbers worked out by hand, closed forms, and the identities between the methods.
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "engine/math/normal.h"
#include "optim/dgsam.h"
#include "tests/optim/reference.h"
#include "tests/optim/training.h"

using namespace dgsam;

namespace {

constexpr std::size_t kSize = 5;

std::vector<Quadratic> random_domains(std::size_t count) {
  std::vector<Quadratic> domains;
  for (std::size_t domain = 0; domain < count; ++domain) domains.push_back(random_quadratic(kSize, 100 + domain));
  return domains;
}

const Vector kStart = {0.3, -1.2, 0.7, 2.0, -0.4};

std::vector<MethodOptions> all_methods(int domains) {
  std::vector<MethodOptions> methods = {plain_method("erm"),  plain_method("sam"),   plain_method("gsam"),
                                        plain_method("sagm"), plain_method("disam"), plain_method("sam")};
  methods[2].gsam_alpha = 0.4;
  methods[3].sagm_alpha = 0.02;
  methods[4].disam_lambda = 0.3;
  methods[5].adaptive = true;
  for (const auto gradients : {DgsamGradients::all, DgsamGradients::perturbed, DgsamGradients::fresh}) {
    for (const auto scale : {DgsamScale::sum, DgsamScale::mean})
      methods.push_back(dgsam_options(gradients, scale, domains));
    methods.push_back(dgsam_options(gradients, DgsamScale::sum, domains));
    methods.back().adaptive = true;
  }
  return methods;
}

}  // namespace

// L_0 = (θ - 1)², L_1 = 2 (θ + 1)²; θ = 0, ρ = 0.1, order 1, 0, SGD with rate 0.3.
// DGSAM: g_1 = 4, θ̃_1 = 0.1; g_2 = -1.8, θ̃_2 = 0; g_3 = 4; fresh gradients at θ̃_2: 4 and -2.
// SAM: g = 1, θ̃ = 0.1, d = (-1.8 + 4.4)/2. ERM: d = 1.
TEST_CASE("one step on two parabolas gives the numbers worked out by hand") {
  const auto after_a_step = [](MethodOptions options) {
    options.order = [](std::int64_t) { return std::vector{1, 0}; };
    Training training({parabola(2, 1), parabola(4, -1)}, options, plain_sgd(0.3), {0.0});
    training.step();
    return training.values()[0];
  };
  const auto dgsam_step = [&](DgsamGradients gradients, DgsamScale scale) {
    return after_a_step(dgsam_options(gradients, scale, 2, 0.1));
  };
  CHECK(after_a_step(plain_method("erm", 0.1)) == doctest::Approx(-0.3).epsilon(1e-12));
  CHECK(after_a_step(plain_method("sam", 0.1)) == doctest::Approx(-0.3 * 1.3).epsilon(1e-12));
  CHECK(dgsam_step(DgsamGradients::all, DgsamScale::sum) == doctest::Approx(-0.3 * 2 * 6.2 / 3).epsilon(1e-12));
  CHECK(dgsam_step(DgsamGradients::all, DgsamScale::mean) == doctest::Approx(-0.3 * 6.2 / 3).epsilon(1e-12));
  CHECK(dgsam_step(DgsamGradients::perturbed, DgsamScale::sum) == doctest::Approx(-0.3 * 2.2).epsilon(1e-11));
  CHECK(dgsam_step(DgsamGradients::perturbed, DgsamScale::mean) == doctest::Approx(-0.3 * 1.1).epsilon(1e-11));
  CHECK(dgsam_step(DgsamGradients::fresh, DgsamScale::sum) == doctest::Approx(-0.3 * 2).epsilon(1e-11));
  CHECK(dgsam_step(DgsamGradients::fresh, DgsamScale::mean) == doctest::Approx(-0.3).epsilon(1e-11));
}

// L_0 = x² + 2y², L_1 = 3x² + 4y², so ∇L = (4x, 6y); θ = (3/4, 2/3), ρ = 0.5, SGD with rate 0.1.
// g = (3, 4), ‖g‖ = 5, so θ̃ = θ + (0.3, 0.4) and g_p = (4.2, 6.4), ‖g_p‖² = 58.6, <g, g_p> = 38.2.
// GSAM, α = 0.5: d = (1 + 0.5·38.2/58.6) g_p - 0.5 g. SAGM, α = 0.05: θ̃ = θ + (0.15, 0.2), g_p = (3.6, 5.2), d their
// mean.
TEST_CASE("one step of GSAM and of SAGM in the plane gives the numbers worked out by hand") {
  const auto after_a_step = [](MethodOptions options) {
    options.gsam_alpha = 0.5;
    options.sagm_alpha = 0.05;
    const Quadratic first{{2, 0, 0, 4}, {0, 0}}, second{{6, 0, 0, 8}, {0, 0}};
    Training training({first, second}, options, plain_sgd(0.1), {0.75, 2.0 / 3});
    training.step();
    return training.values();
  };
  const double along = 1 + 0.5 * 38.2 / 58.6;
  CHECK(distance(after_a_step(plain_method("gsam", 0.5)),
                 {0.75 - 0.1 * (along * 4.2 - 1.5), 2.0 / 3 - 0.1 * (along * 6.4 - 2)}) < 1e-12);
  CHECK(distance(after_a_step(plain_method("sagm", 0.5)), {0.75 - 0.1 * 3.3, 2.0 / 3 - 0.1 * 4.6}) < 1e-12);
}

// L_0 = x², L_1 = 2y²; θ = (1, 1), SGD with rate 0.1. L_0 = 1, L_1 = 2, g_0 = (2, 0), g_1 = (0, 4).
// DISAM, λ = 0.2: weights 1 + 0.2 and 1 - 0.2, a = (1.2, 1.6), ‖a‖ = 2; ρ = 0.5: θ̃ = (1.3, 1.4), d = (1.3, 2.8).
// GGA-L: the gradients are orthogonal, so d = (1, 2) + γ ξ.
// Adaptive SAM at θ = (1.5, 0.5): g = (1.5, 1), θ g = (2.25, 0.5), θ² g = (3.375, 0.25).
TEST_CASE("one step of DISAM, GGA-L and adaptive SAM in the plane gives the numbers worked out by hand") {
  const auto after_a_step = [](const MethodOptions& options, const Vector& start) {
    const Quadratic first{{2, 0, 0, 0}, {0, 0}}, second{{0, 0, 0, 4}, {0, 0}};
    Training training({first, second}, options, plain_sgd(0.1), start);
    training.step();
    return training.values();
  };
  MethodOptions disam = plain_method("disam", 0.5), gga = plain_method("gga-l"), sam = plain_method("sam", 0.5);
  disam.disam_lambda = 0.2;
  CHECK(distance(after_a_step(disam, {1, 1}), {0.87, 0.72}) < 1e-12);

  gga.gga_gamma = 0.5;
  gga.seed = 17;
  const NormalBlock noise = normal_block(17, 0, 0, 0);
  CHECK(distance(after_a_step(gga, {1, 1}),
                 {1 - 0.1 * (1 + 0.5 * noise.value[0]), 1 - 0.1 * (2 + 0.5 * noise.value[1])}) < 1e-12);

  sam.adaptive = true;
  const double length = 0.5 / std::hypot(2.25, 0.5);
  CHECK(distance(after_a_step(sam, {1.5, 0.5}),
                 {1.5 - 0.1 * (1.5 + length * 3.375), 0.5 - 0.1 * 2 * (0.5 + length * 0.25)}) < 1e-12);
}

TEST_CASE("DISAM without the variance is SAM, and on one domain it always is") {
  for (const auto& [domains, lambda] : {std::pair{3, 0.0}, {1, 0.7}}) {
    MethodOptions options = plain_method("disam");
    options.disam_lambda = lambda;
    const auto count = static_cast<std::size_t>(domains);
    Training sam(random_domains(count), plain_method("sam"), adam(0.05, 0.1), kStart);
    Training disam(random_domains(count), options, adam(0.05, 0.1), kStart);
    for (int step = 0; step < 20; ++step) {
      sam.step();
      disam.step();
      CHECK(distance(disam.values(), sam.values()) < 1e-12);  // but for the 1e-12 beside the norm
    }
  }
}

TEST_CASE("DISAM's ascent climbs the mean loss less its variance: finite differences give its direction") {
  const std::vector<Quadratic> domains = random_domains(3);
  const double lambda = 0.3, h = 1e-5;
  const auto objective = [&](const Vector& theta) {
    double mean = 0, square = 0;
    for (const Quadratic& domain : domains) {
      mean += domain.loss(theta) / 3;
      square += domain.loss(theta) * domain.loss(theta) / 3;
    }
    return mean - lambda * (square - mean * mean);
  };
  Vector slope(kSize);
  for (std::size_t i = 0; i < kSize; ++i) {
    Vector up = kStart, down = kStart;
    up[i] += h;
    down[i] -= h;
    slope[i] = (objective(up) - objective(down)) / (2 * h);
  }
  MethodOptions options = plain_method("disam", 0.2);
  options.disam_lambda = lambda;
  Training training(domains, options, plain_sgd(0.1), kStart);
  training.step();
  const Vector step = plus(training.gradient.visited.back(), -1, kStart);
  CHECK(norm_of(step) == doctest::Approx(0.2).epsilon(1e-10));
  CHECK(dot(step, slope) / norm_of(slope) == doctest::Approx(0.2).epsilon(1e-8));
}

TEST_CASE("GGA-L adds noise by the disagreement of the domains' gradients, a function of seed, step and element") {
  const std::vector<Quadratic> domains = random_domains(3);
  MethodOptions options = plain_method("gga-l");
  options.gga_gamma = 0.3;
  options.seed = 9;
  Training training(domains, options, adam(0.05, 0.1), kStart);
  ReferenceOptimizer reference{adam(0.05, 0.1)};
  Vector expected = kStart;
  for (std::int64_t step = 0; step < 20; ++step) {
    std::vector<Vector> g;
    for (const Quadratic& domain : domains) g.push_back(domain.gradient(expected));
    double cosines = 0;
    for (const auto& [i, j] : {std::pair<std::size_t, std::size_t>{0, 1}, {0, 2}, {1, 2}})
      cosines += dot(g[i], g[j]) / (norm_of(g[i]) * norm_of(g[j]));
    Vector noise;
    for (const std::int64_t element : {0, 1, 2, 32, 33})  // θ has a segment of three elements and one of two
      noise.push_back(normal_block(9, step, 0, element / 4).value[element % 4]);
    expected = reference.update(expected, plus(mean_gradient(domains, expected), 0.3 * (1 - cosines / 3), noise));
    training.step();
    CHECK(distance(training.values(), expected) < 1e-12);
  }
  CHECK(distance(expected, kStart) > 0.1);
}

TEST_CASE("GGA-L without noise, or on domains that agree, is ERM") {
  const auto check_is_erm = [](const std::vector<Quadratic>& domains, double gamma) {
    MethodOptions options = plain_method("gga-l");
    options.gga_gamma = gamma;
    Training erm(domains, plain_method("erm"), adam(0.05, 0.1), kStart);
    Training gga(domains, options, adam(0.05, 0.1), kStart);
    for (int step = 0; step < 20; ++step) {
      erm.step();
      gga.step();
      CHECK(distance(gga.values(), erm.values()) < 1e-12);
    }
  };
  check_is_erm(random_domains(3), 0);
  check_is_erm(std::vector<Quadratic>(3, random_quadratic(kSize, 100)), 0.01);
}

TEST_CASE("an adaptive ascent does not depend on the scale of the parameters") {
  // x = c θ: the losses, and the points visited, are the same in units of c.
  const double c = 8;
  const auto visited = [](const MethodOptions& options, double scale) {
    std::vector<Quadratic> domains = random_domains(2);
    for (Quadratic& domain : domains) {
      for (double& value : domain.A) value /= scale * scale;
      for (double& value : domain.c) value *= scale;
    }
    Vector start = kStart;
    for (double& value : start) value *= scale;
    Training training(domains, options, plain_sgd(0.1), start);
    training.step();
    return training.gradient.visited;
  };
  MethodOptions sam = plain_method("sam", 0.3), dgsam = dgsam_options(DgsamGradients::all, DgsamScale::sum, 2, 0.3);
  sam.adaptive = dgsam.adaptive = true;
  for (const MethodOptions& options : {sam, dgsam}) {
    CAPTURE(options.name);
    const std::vector<Vector> points = visited(options, 1), scaled = visited(options, c);
    for (std::size_t i = 0; i < points.size(); ++i) {
      Vector expected = points[i];
      for (double& value : expected) value *= c;
      CHECK(distance(scaled[i], expected) < 1e-9);
    }
  }
}

// The mean of the two losses is 3/2 (θ + 1/3)² + const, so θ_t + 1/3 = (1 - 3 lr)^t (θ_0 + 1/3).
TEST_CASE("ERM follows the closed form of gradient descent") {
  Training training({parabola(2, 1), parabola(4, -1)}, plain_method("erm"), plain_sgd(0.1), {2.0});
  for (int t = 1; t <= 20; ++t) {
    training.step();
    CHECK(training.values()[0] == doctest::Approx(std::pow(0.7, t) * (2.0 + 1.0 / 3) - 1.0 / 3).epsilon(1e-12));
  }
}

TEST_CASE("every method follows algorithm and optimizer written as loops, in random order and with weight decay") {
  const std::vector<Quadratic> domains = random_domains(3);
  OptimizerOptions momentum = plain_sgd(0.02);
  momentum.momentum = 0.9;
  momentum.weight_decay = 0.1;
  for (const OptimizerOptions& optimizer : {adam(0.05, 0.1), momentum}) {
    for (const MethodOptions& options : all_methods(3)) {
      CAPTURE(optimizer.name);
      CAPTURE(options.name);
      CAPTURE(static_cast<int>(options.gradients));
      CAPTURE(static_cast<int>(options.scale));
      Training training(domains, options, optimizer, kStart);
      ReferenceOptimizer reference{optimizer};
      Vector expected = kStart;
      for (std::int64_t step = 0; step < 20; ++step) {
        const std::vector<int> order = options.order ? options.order(step) : std::vector<int>{};
        expected = reference.update(expected, descent_gradient(options, domains, order, expected));
        training.step();
        CHECK(distance(training.values(), expected) < 1e-12);
      }
      CHECK(distance(expected, kStart) > 0.1);
    }
  }
}

TEST_CASE("the class of DGSAM's ablations with nothing ablated takes Algorithm 1's steps, to the bit") {
  for (const int domains : {1, 3}) {
    Training dgsam(random_domains(static_cast<std::size_t>(domains)),
                   dgsam_options(DgsamGradients::all, DgsamScale::sum, domains), adam(0.05, 0.1), kStart);
    REQUIRE(dynamic_cast<const Dgsam*>(dgsam.method.get()) != nullptr);
    Training ablated(random_domains(static_cast<std::size_t>(domains)), plain_method("erm"), adam(0.05, 0.1), kStart);
    ablated.method = std::make_unique<AblatedDgsam>(ablated.backend, *ablated.base, ablated.theta, domains, 0.05,
                                                    random_order(domains, 7), DgsamGradients::all, DgsamScale::sum);
    for (int step = 0; step < 5; ++step) {
      dgsam.step();
      ablated.step();
      CHECK(ablated.values() == dgsam.values());
    }
    CHECK(ablated.gradient.visited == dgsam.gradient.visited);
  }
}

TEST_CASE("DGSAM without the gradient at theta, at rho 0 and with scale mean, is ERM") {
  Training erm(random_domains(4), plain_method("erm"), adam(0.05, 0.1), kStart);
  Training dgsam(random_domains(4), dgsam_options(DgsamGradients::perturbed, DgsamScale::mean, 4, 0), adam(0.05, 0.1),
                 kStart);
  for (int step = 0; step < 20; ++step) {
    erm.step();
    dgsam.step();
    CHECK(distance(dgsam.values(), erm.values()) < 1e-13);  // the same sum, added in another order
  }
}

TEST_CASE("DGSAM without the gradient at theta, on one domain, is SAM at both scales") {
  for (const auto scale : {DgsamScale::sum, DgsamScale::mean}) {
    Training sam(random_domains(1), plain_method("sam"), adam(0.05, 0.1), kStart);
    Training dgsam(random_domains(1), dgsam_options(DgsamGradients::perturbed, scale, 1), adam(0.05, 0.1), kStart);
    for (int step = 0; step < 20; ++step) {
      sam.step();
      dgsam.step();
      CHECK(distance(dgsam.values(), sam.values()) < 1e-12);  // but for DGSAM's 1e-12 beside the norm
    }
  }
}

TEST_CASE("GSAM without the surrogate gap is SAM: to the 1e-12 beside its norm in double, to the bit in float") {
  MethodOptions options = plain_method("gsam");
  options.gsam_alpha = 0;
  for (const DType dtype : {DType::f64, DType::f32}) {
    Training sam(random_domains(3), plain_method("sam"), adam(0.05, 0.1), kStart, dtype);
    Training gsam(random_domains(3), options, adam(0.05, 0.1), kStart, dtype);
    for (int step = 0; step < 20; ++step) {
      sam.step();
      gsam.step();
      CHECK(distance(gsam.values(), sam.values()) <= (dtype == DType::f64 ? 1e-12 : 0));
    }
  }
}

TEST_CASE("GSAM on a loss of one curvature is SAM: both gradients point the same way") {
  for (const double alpha : {0.2, 10.0}) {
    const Quadratic round{{2, 0, 0, 2}, {0.1, -0.3}};
    MethodOptions options = plain_method("gsam");
    options.gsam_alpha = alpha;
    Training sam({round}, plain_method("sam"), plain_sgd(0.1), {1.0, 2.0});
    Training gsam({round}, options, plain_sgd(0.1), {1.0, 2.0});
    sam.step();
    gsam.step();
    CHECK(distance(gsam.values(), sam.values()) < 1e-12);
  }
}

TEST_CASE("SAGM without its two steps is ERM") {
  MethodOptions options = plain_method("sagm", 0);
  options.sagm_alpha = 0;
  Training erm(random_domains(3), plain_method("erm"), adam(0.05, 0.1), kStart);
  Training sagm(random_domains(3), options, adam(0.05, 0.1), kStart);
  for (int step = 0; step < 20; ++step) {
    erm.step();
    sagm.step();
    CHECK(distance(sagm.values(), erm.values()) < 1e-13);
  }
}

TEST_CASE("DGSAM's scales differ by the factor S in the descent gradient") {
  const auto moved = [](DgsamScale scale, double learning_rate) {
    Training training(random_domains(3), dgsam_options(DgsamGradients::all, scale, 3), plain_sgd(learning_rate),
                      kStart);
    training.step();
    return training.values();
  };
  CHECK(distance(moved(DgsamScale::sum, 0.1), moved(DgsamScale::mean, 0.3)) < 1e-15);
}
