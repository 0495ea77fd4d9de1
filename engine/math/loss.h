// Mean cross-entropy over a batch of softmax outputs p, and its gradient by the logits x.
//
//   loss = -1/N sum_n log p[n, label],   log p[n, k] = x[n,k] - max_n - log sum_j exp(x[n,j] - max_n)
//   dx[n, k] = dloss/N · (p[n,k] - [k = label])
#pragma once

#include "engine/core/host_device.h"

namespace dgsam {

/// `scale` is dloss/N.
template <class T>
DGSAM_HOST_DEVICE inline T cross_entropy_grad(T probability, bool is_label, T scale) {
  return scale * (probability - (is_label ? T{1} : T{0}));
}

}  // namespace dgsam
