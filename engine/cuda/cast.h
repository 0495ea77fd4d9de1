// A change of element type, for what has a queue but no backend.
#pragma once

#include "engine/core/tensor.h"
#include "engine/cuda/device.h"

namespace dgsam {

/// y = x, rounded to nearest even. Both f32, f64 or bf16, of one shape and layout.
void cast_elements(const Queue& queue, ConstTensor x, Tensor y);

}  // namespace dgsam
