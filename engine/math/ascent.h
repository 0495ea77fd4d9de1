// The ascent step of SAM and DGSAM: theta + rho g/(||g|| + eps), and no step at all where the gradient vanishes.
#pragma once

#include "engine/core/host_device.h"

namespace dgsam {

/// What multiplies g. A norm that is not finite comes through as one that is not finite or as zero times infinity, so
/// that it is seen and not hidden.
DGSAM_HOST_DEVICE inline double ascent_scale(double norm, double rho, double eps) {
  return norm == 0 ? 0 : rho / (norm + eps);
}

}  // namespace dgsam
