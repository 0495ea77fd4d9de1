// The CUDA backend without CUDA's headers.
#pragma once

#include <memory>
#include <string>

#include "engine/backend.h"

namespace dgsam {

/// Why there is no GPU that make_cuda_backend() can use; empty if there is one.
std::string cuda_problem();

/// Throws Error with cuda_problem() and the remedy when there is one.
std::unique_ptr<Backend> make_cuda_backend();

}  // namespace dgsam
