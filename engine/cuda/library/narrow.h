// f32 to bf16: libraries want the bias of a bf16 convolution in bf16, and ours is kept in f32.
#pragma once

#include "engine/core/bfloat16.h"
#include "engine/cuda/device.h"

namespace dgsam {

/// to[i] = from[i], rounded to the nearest bf16.
void narrow(const Queue& queue, const float* from, bfloat16* to, std::int64_t count);

}  // namespace dgsam
