// The order in which max pooling chooses.
#pragma once

#include "engine/core/host_device.h"

namespace dgsam {

/// Whether x, met later, replaces `best` in a max pooling window: the first of equals stays, a NaN wins.
template <class T>
DGSAM_HOST_DEVICE inline bool wins(T x, T best) {
  return x > best || x != x;
}

}  // namespace dgsam
