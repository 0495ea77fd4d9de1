// Masks of ReLUs and their gradients by a kernel of ours behind any way to compute the convolution: what the libraries'
// fused matrix products are measured against, and what there is where they have none.
#pragma once

#include "engine/cuda/library/conv_chooser.h"

namespace dgsam {

/// For problems with has_mask(), the ways of `libraries` to compute the convolution alone, each followed by the kernel;
/// none for other problems. Their names are those of the convolution's with "+kernel" behind.
ConvLibrary with_kernel_after(std::vector<ConvLibrary> libraries);

}  // namespace dgsam
