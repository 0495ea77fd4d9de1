// What the libraries offer for one convolution: a list of ways to compute it, from which one is chosen by measurement.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/backend.h"
#include "engine/cuda/device.h"

namespace dgsam {

enum class ConvOp : std::uint8_t { forward, data_grad, weight_grad, data_grad_relu };

/// All that decides how a convolution is computed. x, w and y are those of the forward operation, dense, f32 or bf16,
/// all of one type; a gradient has the place of what it is the gradient of. A linear layer is a 1x1 convolution of
/// images of one pixel. The weight gradient's result is f32 whatever w.dtype says, unless it is narrow.
struct ConvProblem {
  ConvOp op = ConvOp::forward;
  Type x, w, y;
  Conv2dSpec spec = {};   ///< relu: forward only
  bool bias = false;      ///< of forward; data_grad_relu: whether the bias gradient is wanted. f32
  bool residual = false;  ///< of forward; data_grad_relu: the second gradient
  bool mask = false;      ///< forward: the ReLU's mask is wanted, too; data_grad_relu: it is there (relu.h)
  bool narrow = false;    ///< bf16: bias, bias gradient and weight gradient are bf16, too, instead of f32
  bool tf32 = false;      ///< f32 operands may be rounded to TF32's 10 bits of mantissa on their way into a product
  bool operator==(const ConvProblem&) const = default;

  /// Whether a convolution alone is not all of it: a mask to be written, or a ReLU's gradient.
  bool has_mask() const { return mask || op == ConvOp::data_grad_relu; }
  /// Of bias, bias gradient and weight gradient.
  DType vector_dtype() const { return narrow ? x.dtype : DType::f32; }
  /// One line without tabs, different for different problems: "forward x f32[32, 56, 56, 64] w f32[64, 1, 1, 64] ...".
  std::string text() const;
};

/// Device addresses by role; null for absent ones. Of x, w and y the one that is the result is not looked at.
struct ConvOperands {
  const void* x = nullptr;
  const void* w = nullptr;
  const void* y = nullptr;
  void* result = nullptr;  ///< y of forward, dw of weight_grad, else dx
  const void* bias = nullptr;
  const void* residual = nullptr;
  void* written_mask = nullptr;       ///< forward
  const void* mask = nullptr;         ///< data_grad_relu
  const void* relu_output = nullptr;  ///< data_grad_relu: the x of operations.def, whose ReLU it is
  void* bias_grad = nullptr;          ///< data_grad_relu
};

/// One way to compute one problem. Deterministic: same operands, same bits.
class ConvAlgorithm {
 public:
  virtual ~ConvAlgorithm() = default;
  /// Names this way among all of its problem, the same in every process with the same libraries and device: what a
  /// cache on disk keeps. One word, with its library first: "cudnn:cast:41:2=1,3=0".
  virtual std::string name() const = 0;
  virtual std::size_t workspace_bytes() const = 0;
  /// Queues the work. `workspace` is 256-byte aligned and the stream's own. Throws Error that names the call and the
  /// problem.
  virtual void run(const Queue& queue, const ConvOperands& operands, void* workspace) = 0;
};

using ConvAlgorithms = std::vector<std::unique_ptr<ConvAlgorithm>>;

}  // namespace dgsam
