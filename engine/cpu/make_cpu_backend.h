// The choice among CPU backends; make_cpu_backend.cpp holds the only `#if`s that know whether oneDNN was built.
#pragma once

#include <memory>

#include "engine/cpu/cpu_backend.h"

namespace dgsam {

/// Whether this build has oneDNN.
bool onednn_available();
/// Whether that oneDNN has Winograd convolutions: version 2 does, version 3 does not.
bool winograd_available();

/// The oneDNN backend when `onednn` is asked for and available, else the plain one.
std::unique_ptr<Backend> make_cpu_backend(const CpuOptions& options, bool onednn);

}  // namespace dgsam
