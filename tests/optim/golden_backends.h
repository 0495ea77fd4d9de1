// What PyTorch's recorded trajectories are replayed on.
#pragma once

#include <string>
#include <vector>

#include "engine/backend.h"

namespace dgsam {

struct GoldenBackend {
  std::string label;
  Backend* backend;
  DType precision;   ///< f32 or f64: the runs recorded in it
  double tolerance;  ///< of losses, relative; norms may be off by ten times as much
  int every = 1;     ///< 2: every second run
};

/// Each program that golden_trajectory_test.cpp is built into defines its own: tests/optim, tests/cuda, tests/device.
const std::vector<GoldenBackend>& golden_backends();

}  // namespace dgsam
