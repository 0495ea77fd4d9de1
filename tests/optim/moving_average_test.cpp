// The simple moving average of a run's weights.
#include "optim/moving_average.h"

#include <doctest/doctest.h>

#include "engine/cpu/cpu_backend.h"
#include "tests/optim/reference.h"
#include "tests/optim/training.h"

using namespace dgsam;

TEST_CASE("the moving average is the mean of the weights after every step from the first one that counts") {
  Training training({random_quadratic(5, 1), random_quadratic(5, 2)}, plain_method("erm"), adam(0.05, 0.1),
                    {0.3, -1.2, 0.7, 2.0, -0.4});
  MovingAverage average(training.backend, training.theta, 3);
  Vector sum(5, 0.0);
  for (std::int64_t step = 0; step < 9; ++step) {
    training.step();
    average.add(step, training.theta);
    const Vector mean = read(training.backend, average.vector());
    if (step < 3) {
      CHECK(mean == Vector(5, 0.0));
      continue;
    }
    sum = plus(sum, 1, training.values());
    CHECK(distance(mean, plus(Vector(5, 0.0), 1 / static_cast<double>(step - 2), sum)) < 1e-14);
  }
}

TEST_CASE("a moving average goes on from its vector alone") {
  Training training({random_quadratic(5, 1)}, plain_method("erm"), adam(0.05, 0.1), {0.3, -1.2, 0.7, 2.0, -0.4});
  MovingAverage whole(training.backend, training.theta, 2), later(training.backend, training.theta, 2);
  for (std::int64_t step = 0; step < 8; ++step) {
    training.step();
    if (step == 5) training.backend.copy(whole.vector().all(), later.vector().all());
    whole.add(step, training.theta);
    if (step >= 5) later.add(step, training.theta);
  }
  CHECK(read(training.backend, later.vector()) == read(training.backend, whole.vector()));
}
