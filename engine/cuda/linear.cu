// A linear layer is a convolution of images of one pixel, by whatever does convolutions: a backend on top of this one
// that overrides those has its linear layers, too.
#include "engine/cuda/checks.h"
#include "engine/cuda/cuda_kernel_backend.h"

namespace dgsam {

void CudaKernelBackend::linear(ConstTensor x, ConstTensor w, ConstTensor b, Tensor y) {
  check_matrices("linear", x, w, y);
  conv2d(as_pixels(x), as_pixels(w), b, {}, as_pixels(y), {1, 0, false});
}

void CudaKernelBackend::linear_data_grad(ConstTensor dy, ConstTensor w, Tensor dx) {
  check_matrices("linear_data_grad", dx, w, dy);
  conv2d_data_grad(as_pixels(dy), as_pixels(w), as_pixels(dx), {1, 0, false});
}

void CudaKernelBackend::linear_weight_grad(ConstTensor x, ConstTensor dy, Tensor dw) {
  check_matrices("linear_weight_grad", x, dw, dy);
  conv2d_weight_grad(as_pixels(x), as_pixels(dy), as_pixels(dw), {1, 0, false});
}

}  // namespace dgsam
