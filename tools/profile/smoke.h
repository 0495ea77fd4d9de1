// Whether a device computes what the CPU computes, in a few seconds: what is tried first on a GPU, and what a report of
// a fault should hold.
#pragma once

#include <string>

#include "engine/backend.h"

namespace dgsam {

struct SmokeResult {
  bool passed = false;
  std::string text;  ///< lines: memory, copies, a table of operations, masks, a recorded step
};

/// Memory, the speed of a copy, and in f32 and bf16 one call of each family of operations against `reference`, one
/// convolution each way, ReLU masks with exact zeros among the values, and a recorded step against the same one given
/// operation by operation. A failure of any of these is in the text, and the next one is tried. `copied`: bytes.
SmokeResult smoke_test(Backend& device, Backend& reference, std::size_t copied = std::size_t{256} << 20);

}  // namespace dgsam
