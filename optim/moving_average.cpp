#include "optim/moving_average.h"

namespace dgsam {

void add_to_mean(Backend& backend, const FlatVector& vector, std::int64_t count, FlatVector& mean) {
  const double weight = 1 / static_cast<double>(count + 1);
  backend.axpby(weight, vector.all(), 1 - weight, mean.all());
}

}  // namespace dgsam
