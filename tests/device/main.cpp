// The CUDA backend on a GPU. Without one nothing here can be checked, and the program says so: it exits with 77, which
// ctest shows as skipped.
//
//   device_tests [--conv-choice measured|heuristic] [doctest's options]
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "engine/cuda/make_cuda_backend.h"
#include "tests/device/device_options.h"

int main(int argc, char** argv) {
  constexpr int kSkipped = 77;
  std::vector<char*> others;  // doctest's
  for (int i = 0; i < argc; ++i) {
    if (std::string_view(argv[i]) != "--conv-choice") {
      others.push_back(argv[i]);
      continue;
    }
    const std::string_view choice = i + 1 < argc ? argv[++i] : "";
    if (choice != "measured" && choice != "heuristic") {
      std::fprintf(stderr, "device_tests: --conv-choice is measured or heuristic\n");
      return 2;
    }
    dgsam::measures_convolutions() = choice == "measured";
  }
  const std::string problem = dgsam::cuda_problem();
  if (!problem.empty()) {
    std::printf("skipped, nothing was checked: %s\n", problem.c_str());
    return kSkipped;
  }
  return doctest::Context(static_cast<int>(others.size()), others.data()).run();
}
