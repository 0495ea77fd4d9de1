// One element of batch and group normalisation (Ioffe & Szegedy 2015; Wu & He 2018). Both normalise over a set of M
// elements with mean and invstd = 1/sqrt(biased variance + eps):
//
//   y  = gamma·xhat + beta,   xhat = (x - mean)·invstd
//   dx = invstd·(gamma dy - a - xhat·b),   a = 1/M sum gamma dy,   b = 1/M sum gamma dy·xhat
#pragma once

#include "engine/core/host_device.h"

namespace dgsam {

template <class T>
DGSAM_HOST_DEVICE inline T normalised(T x, T mean, T invstd) {
  return (x - mean) * invstd;
}

template <class T>
DGSAM_HOST_DEVICE inline T normalised_grad(T gamma_dy, T xhat, T invstd, T a, T b) {
  return invstd * (gamma_dy - a - xhat * b);
}

/// Running statistics: an exponential average that gives the new batch the weight `momentum`.
template <class T>
DGSAM_HOST_DEVICE inline T running_average(T old, T batch, T momentum) {
  return old + momentum * (batch - old);
}

}  // namespace dgsam
