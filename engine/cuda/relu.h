// A ReLU's mask and its gradient, for what has a queue but no backend.
#pragma once

#include <cstddef>

#include "engine/core/tensor.h"
#include "engine/cuda/device.h"

namespace dgsam {

/// A mask has a row per pixel, of its channels' bits, padded to a multiple of so many: cuBLASLt's rule.
inline constexpr int kReluMaskBits = 128;

/// The type of the mask of images or matrices like y.
Type relu_mask_type(const Type& y);

/// mask = [y > 0]: bit c % 8 of byte c / 8 of a pixel's row, from the lowest one; 0 behind the last channel. y f32, f64
/// or bf16, dense.
void write_relu_mask(const Queue& queue, ConstTensor y, Tensor mask);

/// Bytes of memory that relu_grad() needs.
std::size_t relu_grad_bytes(const Type& dy);

/// bias_relu_grad() of operations.def, on operands that have been checked, db of the master type or bf16; `memory` is
/// free again for the next kernel.
void relu_grad(const Queue& queue, ConstTensor dy, ConstTensor dy2, ConstTensor y, Tensor dz, Tensor db, void* memory);

}  // namespace dgsam
