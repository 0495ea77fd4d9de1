// ReLU and the mask of its gradient. Both let a NaN through.
#pragma once

#include "engine/core/host_device.h"

namespace dgsam {

template <class T>
DGSAM_HOST_DEVICE inline T relu_of(T x) {
  return x < T{0} ? T{0} : x;
}

/// d loss / d x of y = relu(x), from y: zero where y is not positive (PyTorch's subgradient at 0).
template <class T>
DGSAM_HOST_DEVICE inline T relu_grad_of(T dy, T y) {
  return y > T{0} ? dy : T{0};
}

}  // namespace dgsam
