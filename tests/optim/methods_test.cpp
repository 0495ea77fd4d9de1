// What a step does besides the numbers: which points it visits, what it reports, what it costs, how it fails.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "engine/core/check.h"
#include "tests/optim/reference.h"
#include "tests/optim/training.h"

using namespace dgsam;

namespace {

std::vector<Quadratic> three_domains() {
  return {random_quadratic(5, 1), random_quadratic(5, 2), random_quadratic(5, 3)};
}

const Vector kStart = {0.3, -1.2, 0.7, 2.0, -0.4};

std::string message_of(const auto& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("a step takes the gradients that its method promises: S, 2S, S+1, and 2S without reuse") {
  const auto cost = [](const MethodOptions& options) {
    Training training(three_domains(), options, adam(0.01, 0), kStart);
    training.step();
    CHECK(training.gradient.domain_gradients == training.method->domain_gradients());
    training.step();
    CHECK(training.gradient.domain_gradients == 2 * training.method->domain_gradients());
    return training.method->domain_gradients();
  };
  for (const char* one_pass : {"erm", "gga-l"}) CHECK(cost(plain_method(one_pass)) == 3);
  for (const char* two_passes : {"sam", "gsam", "sagm", "disam"}) CHECK(cost(plain_method(two_passes)) == 6);
  CHECK(cost(dgsam_options(DgsamGradients::all, DgsamScale::sum, 3)) == 4);
  CHECK(cost(dgsam_options(DgsamGradients::perturbed, DgsamScale::sum, 3)) == 4);
  CHECK(cost(dgsam_options(DgsamGradients::fresh, DgsamScale::sum, 3)) == 6);
}

TEST_CASE("the ascent leaves theta alone bit for bit, and each of its steps has length rho") {
  for (const MethodOptions& options : {plain_method("sam", 0.2), plain_method("gsam", 0.2),
                                       dgsam_options(DgsamGradients::all, DgsamScale::sum, 3, 0.2),
                                       dgsam_options(DgsamGradients::fresh, DgsamScale::sum, 3, 0.2)}) {
    CAPTURE(options.name);
    Training training(three_domains(), options, adam(0.01, 0), kStart);
    training.gradient.watched = &training.theta;
    training.step();
    const std::vector<Vector>& visited = training.gradient.visited;
    CHECK(visited[0] == kStart);
    for (const Vector& theta : training.gradient.watched_values) CHECK(theta == kStart);
    const std::size_t ascents = options.name == "dgsam" ? 3 : 1;
    for (std::size_t j = 1; j < visited.size(); ++j) {
      const double length = norm_of(plus(visited[j], -1, visited[j - 1]));
      if (j <= ascents) CHECK(length == doctest::Approx(0.2).epsilon(1e-10));
      if (j > ascents) CHECK(length == 0);
    }
    CHECK(distance(training.values(), kStart) > 0);
  }
}

TEST_CASE("SAGM's ascent leaves theta alone bit for bit, and is shorter than rho by alpha times the gradient's norm") {
  MethodOptions options = plain_method("sagm", 0.2);
  options.sagm_alpha = 0.01;
  Training training(three_domains(), options, adam(0.01, 0), kStart);
  training.gradient.watched = &training.theta;
  training.step();
  for (const Vector& theta : training.gradient.watched_values) CHECK(theta == kStart);
  const double norm = training.method->report().norms[0];
  CHECK(norm_of(plus(training.gradient.visited[1], -1, kStart)) == doctest::Approx(0.2 - 0.01 * norm).epsilon(1e-10));
}

TEST_CASE("the report has the loss, the gradient norm and the domain of every pass") {
  const std::vector<Quadratic> domains = three_domains();
  for (const DType dtype : {DType::f64, DType::f32}) {
    const double precision = dtype == DType::f64 ? 1e-13 : 1e-5;
    MethodOptions options = dgsam_options(DgsamGradients::all, DgsamScale::sum, 3);
    options.order = [](std::int64_t step) { return step == 0 ? std::vector{2, 0, 1} : std::vector{1, 2, 0}; };
    Training training(domains, options, adam(0.01, 0), kStart, dtype);
    training.step();
    CHECK(training.method->report().domains == std::vector{2, 0, 1, 2});
    training.step();
    const StepReport report = training.method->report();
    CHECK(report.domains == std::vector{1, 2, 0, 1});
    REQUIRE(report.losses.size() == 4);
    REQUIRE(report.norms.size() == 4);
    for (std::size_t pass = 0; pass < 4; ++pass) {
      const Quadratic& domain = domains[static_cast<std::size_t>(report.domains[pass])];
      const Vector& at = training.gradient.visited[4 + pass];
      CHECK(report.losses[pass] == doctest::Approx(domain.loss(at)).epsilon(precision));
      CHECK(report.norms[pass] == doctest::Approx(norm_of(domain.gradient(at))).epsilon(precision));
    }
  }
  Training sam(domains, plain_method("sam"), adam(0.01, 0), kStart);
  sam.step();
  const StepReport report = sam.method->report();
  CHECK(report.domains == std::vector{StepReport::kMean, StepReport::kMean});
  CHECK(report.losses[0] < report.losses[1]);
  CHECK(report.norms[0] == doctest::Approx(norm_of(mean_gradient(domains, kStart))).epsilon(1e-13));
}

TEST_CASE("DISAM reports each domain's loss, then the mean's at the perturbed point; GGA-L each domain's") {
  Training disam(three_domains(), plain_method("disam", 0.2), adam(0.01, 0), kStart);
  disam.gradient.watched = &disam.theta;
  disam.step();
  CHECK(disam.method->report().domains == std::vector{0, 1, 2, StepReport::kMean});
  for (std::size_t pass = 0; pass < 3; ++pass) CHECK(disam.gradient.visited[pass] == kStart);
  for (const Vector& theta : disam.gradient.watched_values) CHECK(theta == kStart);
  Training gga(three_domains(), plain_method("gga-l"), adam(0.01, 0), kStart);
  gga.step();
  CHECK(gga.method->report().domains == std::vector{0, 1, 2});
}

TEST_CASE("steps allocate no device memory") {
  MethodOptions adaptive = dgsam_options(DgsamGradients::all, DgsamScale::sum, 3);
  adaptive.adaptive = true;
  for (const MethodOptions& options :
       {plain_method("erm"), plain_method("sam"), plain_method("gsam"), plain_method("sagm"), plain_method("disam"),
        plain_method("gga-l"), dgsam_options(DgsamGradients::all, DgsamScale::sum, 3), adaptive}) {
    Training training(three_domains(), options, adam(0.01, 0.1), kStart);
    training.step();
    const std::int64_t before = training.backend.allocations();
    for (int step = 0; step < 5; ++step) training.step();
    CHECK(training.backend.allocations() == before);
  }
}

TEST_CASE("a vanishing gradient moves nothing and makes no NaN") {
  const Quadratic flat = parabola(3, 0.5);
  MethodOptions adaptive = plain_method("sam"), quiet = plain_method("gga-l");
  adaptive.adaptive = true;
  quiet.gga_gamma = 0;
  for (const MethodOptions& options :
       {plain_method("sam"), plain_method("gsam"), plain_method("sagm"), plain_method("disam"), adaptive, quiet,
        dgsam_options(DgsamGradients::all, DgsamScale::sum, 2),
        dgsam_options(DgsamGradients::fresh, DgsamScale::sum, 2)}) {
    Training training({flat, flat}, options, adam(0.01, 0), {0.5});
    training.step();
    CHECK(training.values()[0] == 0.5);
    CHECK(training.method->report().norms[0] == 0);
    CHECK_NOTHROW(require_finite(training.method->report(), 0, {"photo", "sketch"}));
  }
}

TEST_CASE("random orders are permutations, a function of seed and step, and equally frequent") {
  const DomainOrder order = random_order(3, 5), same = random_order(3, 5), other = random_order(3, 6);
  std::map<std::vector<int>, int> seen;
  int different = 0;
  for (std::int64_t step = 0; step < 6000; ++step) {
    CHECK(order(step) == same(step));
    different += order(step) != other(step);
    ++seen[order(step)];
  }
  REQUIRE(seen.size() == 6);
  for (const auto& [permutation, count] : seen) {
    CHECK(std::is_permutation(permutation.begin(), permutation.end(), std::vector{0, 1, 2}.begin()));
    CHECK(std::abs(count - 1000) < 120);  // four standard deviations
  }
  CHECK(different > 4500);
  CHECK(fixed_order(4)(17) == std::vector{0, 1, 2, 3});
}

TEST_CASE("an order that is no permutation of the domains is refused") {
  for (const std::vector<int>& wrong : {std::vector{0, 1}, std::vector{0, 1, 1}, std::vector{1, 2, 3}}) {
    MethodOptions options = dgsam_options(DgsamGradients::all, DgsamScale::sum, 3);
    options.order = [wrong](std::int64_t) { return wrong; };
    Training training(three_domains(), options, adam(0.01, 0), kStart);
    CHECK_THROWS_AS(training.step(), Error);
  }
}

TEST_CASE("a number that is not finite is reported with its step, pass, domain and quantity") {
  const double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
  const std::vector<std::string> names = {"art", "photo"};
  CHECK_NOTHROW(require_finite({{1, 2, 3}, {1, 2, 3}, {0, 1, 0}}, 9, names));
  CHECK(contains(message_of([&] {
                   require_finite({{1, nan, nan}, {1, 2, 3}, {0, 1, 0}}, 9, names);
                 }),
                 "step 9, pass 2 of 3: the loss of domain photo is nan"));
  CHECK(contains(message_of([&] {
                   require_finite({{1, 2, 3}, {1, 2, inf}, {0, 1, 0}}, 12, names);
                 }),
                 "step 12, pass 3 of 3: the gradient norm of domain art is inf"));
  CHECK(contains(message_of([&] {
                   require_finite({{-inf}, {1}, {StepReport::kMean}}, 0, names);
                 }),
                 "step 0, pass 1 of 1: the loss of all domains together is -inf"));
}

TEST_CASE("an overflow in a pass shows up in the report") {
  Training training({parabola(1e300, 0), parabola(1, 0)}, plain_method("erm"), adam(0.01, 0), {1e10});
  training.step();
  CHECK_THROWS_AS(require_finite(training.method->report(), 0, {"a", "b"}), Error);
}

TEST_CASE("wrong options are refused with the flag and the value") {
  const auto make = [](const MethodOptions& options) {
    return message_of([&] { Training(three_domains(), options, adam(0.01, 0), kStart); });
  };
  CHECK(make(plain_method("swad")) == "--algorithm must be erm, sam, gsam, sagm, disam, gga-l or dgsam, not 'swad'");
  CHECK(contains(make(plain_method("sam", -1)), "--rho must be 0 or more, not -1"));
  MethodOptions gsam = plain_method("gsam");
  gsam.gsam_alpha = -1;
  CHECK(contains(make(gsam), "--gsam-alpha must be 0 or more, not -1"));
  CHECK(contains(make(plain_method("dgsam")), "order"));
  MethodOptions disam = plain_method("disam"), gga = plain_method("gga-l"), erm = plain_method("erm");
  disam.disam_lambda = -1;
  gga.gga_gamma = -2;
  erm.adaptive = true;
  CHECK(make(disam) == "--disam-lambda must be 0 or more, not -1");
  CHECK(make(gga) == "--gga-gamma must be 0 or more, not -2");
  CHECK(make(erm) == "--adaptive on goes with --algorithm sam or dgsam, not erm");
  CHECK(message_of([] { Training({parabola(1, 0)}, plain_method("gga-l"), adam(0.01, 0), {1.0}); }) ==
        "--algorithm gga-l compares the gradients of domains: it needs two source domains, not 1");
}
