// The methods on quadratics: numbers worked out by hand, closed forms, and the identities between the methods.
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

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
  std::vector<MethodOptions> methods = {plain_method("erm"), plain_method("sam"), plain_method("gsam"),
                                        plain_method("sagm")};
  methods[2].gsam_alpha = 0.4;
  methods[3].sagm_alpha = 0.02;
  for (const auto gradients : {DgsamGradients::all, DgsamGradients::perturbed, DgsamGradients::fresh}) {
    for (const auto scale : {DgsamScale::sum, DgsamScale::mean})
      methods.push_back(dgsam_options(gradients, scale, domains));
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
