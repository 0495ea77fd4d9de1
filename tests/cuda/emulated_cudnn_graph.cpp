// What the descriptors of tensors and operations say.
#include "tests/cuda/emulated_cudnn.h"

namespace emulated {

bool is_convolution(cudnnBackendDescriptorType_t type) {
  return type == CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR ||
         type == CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR ||
         type == CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR;
}

std::vector<CudnnTensor> edge_of(const std::vector<CudnnPart>& operations) {
  std::vector<CudnnTensor> tensors;
  for (const CudnnPart& operation : operations) {
    if (is_convolution(operation->type)) {
      const CudnnConvolution convolution(*operation);
      tensors.insert(tensors.end(), {convolution.x, convolution.w, convolution.y});
    } else {
      const CudnnPointwise pointwise(*operation);
      tensors.push_back(pointwise.y);
      tensors.insert(tensors.end(), pointwise.b.begin(), pointwise.b.end());
    }
  }
  std::erase_if(tensors, [](const CudnnTensor& tensor) { return tensor.is_virtual; });
  return tensors;
}

CudnnTensor::CudnnTensor(const CudnnNode& node)
    : uid(node.value<std::int64_t>(CUDNN_ATTR_TENSOR_UNIQUE_ID)),
      alignment(node.value<std::int64_t>(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT)),
      type(node.value<cudnnDataType_t>(CUDNN_ATTR_TENSOR_DATA_TYPE)),
      is_virtual(node.has(CUDNN_ATTR_TENSOR_IS_VIRTUAL) && node.value<bool>(CUDNN_ATTR_TENSOR_IS_VIRTUAL)),
      dims(node.values<std::int64_t>(CUDNN_ATTR_TENSOR_DIMENSIONS)),
      strides(node.values<std::int64_t>(CUDNN_ATTR_TENSOR_STRIDES)) {}

std::size_t CudnnTensor::bytes() const {
  std::int64_t last = 0;
  for (std::size_t i = 0; i < 4; ++i) last += (dims[i] - 1) * strides[i];
  return static_cast<std::size_t>(last + 1) * element_bytes();
}

namespace {

struct Names {
  cudnnBackendAttributeName_t x, w, y, convolution, alpha, beta;
};
Names names_of(cudnnBackendDescriptorType_t kind) {
  if (kind == CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR) {
    return {CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
            CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
            CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA};
  }
  if (kind == CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR) {
    return {CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,    CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,    CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA};
  }
  return {CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
          CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,    CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
          CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA};
}

}  // namespace

CudnnConvolution::CudnnConvolution(const CudnnNode& operation)
    : kind(operation.type),
      x(*operation.part(names_of(kind).x)),
      w(*operation.part(names_of(kind).w)),
      y(*operation.part(names_of(kind).y)),
      alpha(operation.value<float>(names_of(kind).alpha)),
      beta(operation.value<float>(names_of(kind).beta)) {
  const CudnnNode& how = *operation.part(names_of(kind).convolution);
  strides = how.values<std::int64_t>(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES);
  before = how.values<std::int64_t>(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS);
  after = how.values<std::int64_t>(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS);
}

const CudnnTensor& CudnnConvolution::result() const {
  return kind == CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR         ? y
         : kind == CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR ? x
                                                                                : w;
}

CudnnPointwise::CudnnPointwise(const CudnnNode& operation)
    : mode(operation.part(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR)
               ->value<cudnnPointwiseMode_t>(CUDNN_ATTR_POINTWISE_MODE)),
      x(*operation.part(CUDNN_ATTR_OPERATION_POINTWISE_XDESC)),
      y(*operation.part(CUDNN_ATTR_OPERATION_POINTWISE_YDESC)) {
  if (operation.has(CUDNN_ATTR_OPERATION_POINTWISE_BDESC)) {
    b.emplace_back(*operation.part(CUDNN_ATTR_OPERATION_POINTWISE_BDESC));
  }
}

}  // namespace emulated
