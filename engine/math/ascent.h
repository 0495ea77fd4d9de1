// What multiplies a gradient in the ascent step of SAM and its kin, theta + rho g/(||g|| + eps), and in GSAM's
// decomposition; nothing where the gradient vanishes.
#pragma once

#include "engine/core/host_device.h"

namespace dgsam {

/// What multiplies g. A norm that is not finite comes through as one that is not finite or as zero times infinity, so
/// that it is seen and not hidden.
DGSAM_HOST_DEVICE inline double ascent_scale(double norm, double rho, double eps) {
  return norm == 0 ? 0 : rho / (norm + eps);
}

/// What multiplies y in the component of x along y, dot = <x, y> and norm = ||y||.
DGSAM_HOST_DEVICE inline double component_scale(double dot, double norm) { return norm == 0 ? 0 : dot / norm / norm; }

}  // namespace dgsam
