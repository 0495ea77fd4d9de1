// What the tests of operations run on in the program of the CPU backends.
#include "engine/cpu/make_cpu_backend.h"
#include "engine/make_backend.h"
#include "tests/ops/ops.h"

namespace dgsam::test {

/// Every CPU backend of this build; the last one compares the best of them with the plain one.
const std::vector<NamedBackend>& backends() {
  static const auto plain = make_backend("cpu", {.threads = 2, .onednn = false});
  static const auto onednn = onednn_available() ? make_backend("cpu", {.threads = 2, .onednn = true}) : nullptr;
  static CompareBackend compare(onednn ? *onednn : *plain, *plain);
  static const std::vector<NamedBackend> all = [] {
    std::vector<NamedBackend> found{{"plain cpu", plain.get()}};
    if (onednn) found.push_back({"onednn cpu", onednn.get()});
    found.push_back({"compared", &compare});
    return found;
  }();
  return all;
}

std::vector<Layout> layouts(std::int64_t channels) {
  if (channels % kBlock == 0) return {Layout::dense, Layout::blocked16};
  return {Layout::dense};
}

}  // namespace dgsam::test
