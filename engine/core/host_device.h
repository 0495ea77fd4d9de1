// One text for host and device: marks the functions that CUDA kernels call too.
#pragma once

#if defined(__CUDACC__)
#define DGSAM_HOST_DEVICE __host__ __device__
#else
#define DGSAM_HOST_DEVICE
#endif
