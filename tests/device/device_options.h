// What the program's command line says of the device.
#pragma once

#include "engine/make_backend.h"

namespace dgsam {

/// Starts as measured choices; main() changes it for --conv-choice heuristic.
inline bool& measures_convolutions() {
  static bool measures = true;
  return measures;
}

inline BackendOptions device_options(bool tf32 = false) { return {.measure = measures_convolutions(), .tf32 = tf32}; }

}  // namespace dgsam
