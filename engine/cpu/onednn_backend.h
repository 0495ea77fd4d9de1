// The CPU backend with oneDNN for convolutions and linear layers in f32 and bf16.
#pragma once

#include <memory>

#include "engine/cpu/cpu_backend.h"

namespace dgsam {

/// Everything that oneDNN does not do (f64, what a CPU lacks instructions for) is done by CpuBackend. Primitives are
/// made on first use and kept; replays allocate no tensor memory. Results depend on the number of threads, as the order
/// of oneDNN's sums does; every operation sets OpenMP's thread count of the calling thread. Unlike CpuBackend's,
/// oneDNN's fused ReLU turns a NaN into 0; the NaN still reaches the gradients through the inputs and the weights.
std::unique_ptr<Backend> make_onednn_backend(const CpuOptions& options);

}  // namespace dgsam
