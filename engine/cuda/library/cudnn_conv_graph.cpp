#include "engine/cuda/library/cudnn_conv_graph.h"

namespace dgsam {
namespace {

constexpr std::int64_t kAlignment = 16;  // of every operand, in bytes

cudnnDataType_t cudnn_dtype(DType dtype) { return dtype == DType::bf16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT; }

/// Innermost extent last in our shapes, second in cuDNN's.
CudnnDescriptor tensor(std::int64_t uid, DType dtype, const Shape& shape, bool between = false) {
  const std::int64_t outer = shape[0], rows = shape[1], columns = shape[2], channels = shape[3];
  CudnnDescriptor tensor(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  tensor.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, uid);
  tensor.set(CUDNN_ATTR_TENSOR_DATA_TYPE, cudnn_dtype(dtype));
  tensor.set(CUDNN_ATTR_TENSOR_DIMENSIONS, std::vector<std::int64_t>{outer, channels, rows, columns});
  tensor.set(CUDNN_ATTR_TENSOR_STRIDES,
             std::vector<std::int64_t>{rows * columns * channels, 1, columns * channels, channels});
  tensor.set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, kAlignment);
  tensor.set(CUDNN_ATTR_TENSOR_IS_VIRTUAL, between);
  tensor.finalize();
  return tensor;
}

CudnnDescriptor convolution(const Conv2dSpec& spec) {
  const std::vector<std::int64_t> ones(2, 1), strides(2, spec.stride), paddings(2, spec.padding);
  CudnnDescriptor convolution(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  convolution.set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, std::int64_t{2});
  convolution.set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_DATA_FLOAT);
  convolution.set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_CROSS_CORRELATION);
  convolution.set(CUDNN_ATTR_CONVOLUTION_DILATIONS, ones);
  convolution.set(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, strides);
  convolution.set(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, paddings);
  convolution.set(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, paddings);
  convolution.finalize();
  return convolution;
}

/// The names of one kind of convolution's attributes.
struct ConvNames {
  cudnnBackendDescriptorType_t operation;
  cudnnBackendAttributeName_t x, w, y, convolution, alpha, beta;
};
constexpr ConvNames kForward{CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
                             CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
                             CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
                             CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
                             CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
                             CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
                             CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA};
constexpr ConvNames kDataGrad{CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
                              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
                              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
                              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
                              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
                              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
                              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA};
constexpr ConvNames kWeightGrad{CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
                                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
                                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
                                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
                                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
                                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
                                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA};

CudnnDescriptor conv_operation(const ConvNames& names, const Conv2dSpec& spec, const CudnnDescriptor& x,
                               const CudnnDescriptor& w, const CudnnDescriptor& y) {
  CudnnDescriptor operation(names.operation);
  operation.set(names.x, x);
  operation.set(names.w, w);
  operation.set(names.y, y);
  operation.set(names.convolution, convolution(spec));
  operation.set(names.alpha, 1.0f);
  operation.set(names.beta, 0.0f);
  operation.finalize();
  return operation;
}

/// out = mode(in) or mode(in, operand), in f32.
CudnnDescriptor pointwise(cudnnPointwiseMode_t mode, const CudnnDescriptor& in, const CudnnDescriptor* operand,
                          const CudnnDescriptor& out) {
  CudnnDescriptor how(CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
  how.set(CUDNN_ATTR_POINTWISE_MODE, mode);
  how.set(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_DATA_FLOAT);
  if (mode == CUDNN_POINTWISE_RELU_FWD) how.set(CUDNN_ATTR_POINTWISE_NAN_PROPAGATION, CUDNN_PROPAGATE_NAN);
  how.finalize();
  CudnnDescriptor operation(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
  operation.set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, how);
  operation.set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, in);
  if (operand) operation.set(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, *operand);
  operation.set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, out);
  operation.finalize();
  return operation;
}

/// The operations of an epilogue, one after another: each works on what the one before it left.
class Chain {
 public:
  /// `steps` operations follow that write tensors like y; the last writes y itself.
  Chain(const Type& y, int steps) : y_(y), left_(steps), last_(next()) {}

  const CudnnDescriptor& last() const { return last_; }

  void add(std::vector<CudnnDescriptor>& operations, cudnnPointwiseMode_t mode, const CudnnDescriptor* operand) {
    CudnnDescriptor out = next();
    operations.push_back(pointwise(mode, last_, operand, out));
    last_ = std::move(out);
  }

 private:
  CudnnDescriptor next() {
    if (left_-- == 0) return tensor(kUidY, y_.dtype, y_.shape);
    return tensor(kUidBetween + left_, DType::f32, y_.shape, true);
  }

  Type y_;
  int left_;
  CudnnDescriptor last_;
};

std::vector<CudnnDescriptor> forward(const ConvProblem& problem, CudnnOperands operands) {
  const CudnnDescriptor x = tensor(kUidX, problem.x.dtype, problem.x.shape);
  const CudnnDescriptor w = tensor(kUidW, problem.w.dtype, problem.w.shape);
  Chain chain(problem.y, problem.residual + problem.bias + problem.spec.relu);
  std::vector<CudnnDescriptor> operations;
  operations.push_back(conv_operation(kForward, problem.spec, x, w, chain.last()));
  if (problem.residual) {
    const CudnnDescriptor residual = tensor(kUidResidual, problem.y.dtype, problem.y.shape);
    chain.add(operations, CUDNN_POINTWISE_ADD, &residual);
  }
  if (problem.bias) {
    const DType dtype = operands == CudnnOperands::cast ? problem.y.dtype : problem.vector_dtype();
    const CudnnDescriptor bias = tensor(kUidBias, dtype, {1, 1, 1, problem.y.shape.last()});
    chain.add(operations, CUDNN_POINTWISE_ADD, &bias);
  }
  if (problem.spec.relu) chain.add(operations, CUDNN_POINTWISE_RELU_FWD, nullptr);
  return operations;
}

std::vector<CudnnDescriptor> data_grad(const ConvProblem& problem) {
  std::vector<CudnnDescriptor> operations;
  operations.push_back(conv_operation(kDataGrad, problem.spec, tensor(kUidX, problem.x.dtype, problem.x.shape),
                                      tensor(kUidW, problem.w.dtype, problem.w.shape),
                                      tensor(kUidY, problem.y.dtype, problem.y.shape)));
  return operations;
}

std::vector<CudnnDescriptor> weight_grad(const ConvProblem& problem, CudnnOperands operands) {
  const CudnnDescriptor x = tensor(kUidX, problem.x.dtype, problem.x.shape);
  const CudnnDescriptor y = tensor(kUidY, problem.y.dtype, problem.y.shape);
  std::vector<CudnnDescriptor> operations;
  if (problem.vector_dtype() == problem.x.dtype || operands == CudnnOperands::cast) {
    operations.push_back(
        conv_operation(kWeightGrad, problem.spec, x, tensor(kUidW, problem.x.dtype, problem.w.shape), y));
    return operations;
  }
  const CudnnDescriptor sum = tensor(kUidBetween, DType::f32, problem.w.shape, true);
  operations.push_back(conv_operation(kWeightGrad, problem.spec, x, sum, y));
  operations.push_back(pointwise(CUDNN_POINTWISE_IDENTITY, sum, nullptr, tensor(kUidW, DType::f32, problem.w.shape)));
  return operations;
}

void check(const ConvProblem& problem) {
  const DType dtype = problem.x.dtype;
  for (const Type* type : {&problem.x, &problem.w, &problem.y}) {
    require(type->shape.rank() == 4 && type->layout == Layout::dense, "cuDNN: ", *type,
            " is no dense tensor of rank 4");
  }
  require(dtype == DType::f32 || dtype == DType::bf16, "cuDNN: f32 and bf16 convolutions only, not of ", problem.x);
  require(problem.y.dtype == dtype && (problem.op == ConvOp::weight_grad || problem.w.dtype == dtype), "cuDNN: x ",
          problem.x, ", w ", problem.w, " and y ", problem.y, " are not of one type");
  require(problem.op == ConvOp::forward || !(problem.bias || problem.residual || problem.spec.relu),
          "cuDNN: a gradient has neither bias nor residual nor ReLU");
}

}  // namespace

bool has_cast(const ConvProblem& problem) {
  const bool f32_operand = problem.op == ConvOp::weight_grad || (problem.op == ConvOp::forward && problem.bias);
  return problem.x.dtype == DType::bf16 && f32_operand && !problem.narrow;
}

Type cast_type(const ConvProblem& problem) {
  if (problem.op == ConvOp::weight_grad) return {problem.x.dtype, problem.w.shape};
  return {problem.x.dtype, {problem.y.shape.last()}};
}

std::optional<CudnnDescriptor> cudnn_conv_graph(const CudnnContext& context, const ConvProblem& problem,
                                                CudnnOperands operands) {
  if (problem.has_mask()) return std::nullopt;  // kernels that cuDNN would have to compile itself
  check(problem);
  switch (problem.op) {
    case ConvOp::forward:
      return context.graph(forward(problem, operands));
    case ConvOp::data_grad:
      return context.graph(data_grad(problem));
    case ConvOp::weight_grad:
      return context.graph(weight_grad(problem, operands));
    case ConvOp::data_grad_relu:
      break;
  }
  return std::nullopt;
}

}  // namespace dgsam
