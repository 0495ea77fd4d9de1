// Stands in for CUDA's own header of this name when kernels are compiled as C++ and run on the CPU.
#pragma once

#include "tests/cuda/emulated_cuda.h"
