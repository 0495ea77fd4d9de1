// The CUDA backend on a GPU. Without one nothing here can be checked, and the program says so: it exits with 77, which
// ctest shows as skipped.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>
#include <string>

#include "engine/cuda/make_cuda_backend.h"

int main(int argc, char** argv) {
  constexpr int kSkipped = 77;
  const std::string problem = dgsam::cuda_problem();
  if (!problem.empty()) {
    std::printf("skipped, nothing was checked: %s\n", problem.c_str());
    return kSkipped;
  }
  return doctest::Context(argc, argv).run();
}
