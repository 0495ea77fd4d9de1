#include "tests/optim/golden_backends.h"

#include "engine/cpu/make_cpu_backend.h"
#include "engine/make_backend.h"

namespace dgsam {

const std::vector<GoldenBackend>& golden_backends() {
  static const auto plain = make_backend("cpu", {.threads = 1, .onednn = false});
  static const auto onednn = onednn_available() ? make_backend("cpu", {.threads = 1}) : nullptr;
  static const std::vector<GoldenBackend> all = [] {
    std::vector<GoldenBackend> found{{"plain cpu", plain.get(), DType::f64, 1e-9},
                                     {"plain cpu", plain.get(), DType::f32, 1e-5}};
    if (onednn) {
      found.push_back({"onednn cpu", onednn.get(), DType::f64, 1e-9});
      found.push_back({"onednn cpu", onednn.get(), DType::f32, 1e-5});
    }
    return found;
  }();
  return all;
}

}  // namespace dgsam
