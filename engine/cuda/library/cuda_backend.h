// CudaBackend: the hand-written kernels, with convolutions and linear layers by cuDNN and cuBLASLt.
//
// Both libraries offer several ways for each convolution, and a ConvChooser takes one when the convolution is first
// called; later calls look it up and queue it, without allocating. f64, operands off the 16-byte grid, and what no
// library does stay with the kernels.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>

#include "engine/cuda/cuda_kernel_backend.h"
#include "engine/cuda/library/conv_chooser.h"
#include "engine/cuda/library/cublas_matmul.h"
#include "engine/cuda/library/cudnn_context.h"
#include "engine/cuda/make_cuda_backend.h"

namespace dgsam {

class CudaBackend final : public CudaKernelBackend {
 public:
  /// Throws Error when there is no usable GPU, or a library does not work with it.
  explicit CudaBackend(const CudaOptions& options);

  std::string name() const override;
  /// What convolutions of the main stream and of the side stream have not taken yet of what they may.
  std::size_t scratch_to_come() const override;

  /// 0, so that nothing is fused, where cuBLASLt's masks are not what the kernels take them for; found out by a small
  /// product at the first call.
  int relu_mask_bits(DType activation) override;
  void conv2d(ConstTensor x, ConstTensor w, ConstTensor b, ConstTensor z, Tensor y, const Conv2dSpec& spec) override;
  void conv2d_relu_mask(ConstTensor x, ConstTensor w, ConstTensor b, ConstTensor z, Tensor y, Opaque<Tensor> mask,
                        const Conv2dSpec& spec) override;
  void conv2d_data_grad(ConstTensor dy, ConstTensor w, Tensor dx, const Conv2dSpec& spec) override;
  void conv2d_weight_grad(ConstTensor x, ConstTensor dy, Tensor dw, const Conv2dSpec& spec) override;
  void conv2d_data_grad_relu(ConstTensor dy, ConstTensor w, ConstTensor dx2, ConstTensor x, Opaque<ConstTensor> mask,
                             Tensor dz, Tensor db, const Conv2dSpec& spec) override;

 private:
  struct Hash {
    std::size_t operator()(const ConvProblem& problem) const;
  };

  std::vector<ConvLibrary> libraries() const;
  /// Queues the problem: on an algorithm of a library, or on our kernels where none has one that works. Throws Error
  /// that names the problem when the kernels do not work either.
  void run(const ConvProblem& problem, const ConvOperands& operands);
  bool run_library(const ConvProblem& problem, const ConvOperands& operands);
  void run_kernels(const ConvProblem& problem, const ConvOperands& operands);
  /// Whether cuBLASLt's mask of a product of this type is write_relu_mask()'s, and its gradient by one is
  /// relu_grad()'s.
  bool masks_agree(DType dtype);

  bool tf32_;
  std::map<DType, bool> masks_agree_;
  CudnnContext cudnn_;
  CublasContext cublas_;
  ConvChooser chooser_;
  std::unordered_map<ConvProblem, std::unique_ptr<ConvAlgorithm>, Hash> algorithms_;  ///< null: none has one
};

}  // namespace dgsam
