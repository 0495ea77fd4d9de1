// cuDNN's graph interface on the CPU, by its documentation: descriptors that are created, given attributes, finalised
// and read, and graphs of one convolution and the pointwise operations behind it, computed element by element through
// the strides of their tensors.
//
// What the documentation does not allow fails, with a text: an attribute that the descriptor does not have, of another
// type or number, missing, or set after the end; a part that is not finalised; shapes that do not follow from one
// another; a tensor between two operations that is not virtual, or one at the edge that is; at execution an operand
// that is not bound, not device memory to its last element, or not aligned as promised, and workspace that is too
// small.
//
// There are four engines. In the order in which heuristics name them:
//   2  does not take its sums in the same order twice, and says so
//   0  tensor cores: f32 inputs are rounded to TF32, and it says so; all tensors of the graph's edge of one type
//   1  f32 arithmetic, likewise; its knob SPLIT_K of 1 or 2 parts needs workspace for 2
//   3  any types; it says that it is compiled when its plan is built
#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/cuda/emulated/cudnn_graph.h"

struct cudnnContext {
  cudaStream_t stream = nullptr;
};

namespace emulated {

/// What the library has done so far, and what is alive of it.
struct Cudnn {
  std::int64_t executions = 0, descriptors = 0;
};
Cudnn& cudnn();

struct CudnnNode;
using CudnnPart = std::shared_ptr<const CudnnNode>;

/// What is behind a descriptor. Its parts are as they were when it was given them.
struct CudnnNode {
  struct Attribute {
    cudnnBackendAttributeType_t type{};
    std::int64_t count = 0;
    std::vector<std::byte> bytes;  ///< of plain elements
    std::vector<CudnnPart> parts;  ///< of descriptors
  };

  cudnnBackendDescriptorType_t type;
  bool finalized = false;
  std::map<cudnnBackendAttributeName_t, Attribute> attributes = {};

  bool has(cudnnBackendAttributeName_t name) const { return attributes.contains(name); }
  template <class T>
  std::vector<T> values(cudnnBackendAttributeName_t name) const {
    const Attribute& attribute = attributes.at(name);
    std::vector<T> values(static_cast<std::size_t>(attribute.count));
    std::memcpy(values.data(), attribute.bytes.data(), attribute.bytes.size());
    return values;
  }
  template <class T>
  T value(cudnnBackendAttributeName_t name) const {
    T value;
    std::memcpy(&value, attributes.at(name).bytes.data(), sizeof value);
    return value;
  }
  const CudnnPart& part(cudnnBackendAttributeName_t name) const { return attributes.at(name).parts.front(); }
  const std::vector<CudnnPart>& parts(cudnnBackendAttributeName_t name) const { return attributes.at(name).parts; }

  template <class T>
  void set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t of, const std::vector<T>& elements) {
    const auto* const bytes = reinterpret_cast<const std::byte*>(elements.data());
    attributes[name] = {
        of, static_cast<std::int64_t>(elements.size()), {bytes, bytes + elements.size() * sizeof(T)}, {}};
  }
};

/// A tensor's descriptor, read.
struct CudnnTensor {
  explicit CudnnTensor(const CudnnNode& node);
  std::size_t element_bytes() const { return type == CUDNN_DATA_BFLOAT16 ? 2 : 4; }
  /// From the first element to the end of the last one.
  std::size_t bytes() const;

  std::int64_t uid, alignment;
  cudnnDataType_t type;
  bool is_virtual;
  std::vector<std::int64_t> dims, strides;
};

/// One of the three kinds of convolution, with its tensors in the places of the forward operation.
struct CudnnConvolution {
  explicit CudnnConvolution(const CudnnNode& operation);

  cudnnBackendDescriptorType_t kind;
  CudnnTensor x, w, y;
  std::vector<std::int64_t> strides, before, after;  ///< steps and padding, per spatial dimension
  float alpha, beta;
  const CudnnTensor& result() const;
};

struct CudnnPointwise {
  explicit CudnnPointwise(const CudnnNode& operation);

  cudnnPointwiseMode_t mode;
  CudnnTensor x, y;
  std::vector<CudnnTensor> b;  ///< one or none
};

bool is_convolution(cudnnBackendDescriptorType_t type);

/// A refusal: its status, and what cudnnGetLastErrorString() says of it.
struct CudnnFailure {
  cudnnStatus_t status;
  std::string text;
};
/// Throws CudnnFailure of CUDNN_STATUS_BAD_PARAM, or `status`, unless the condition holds.
void expect(bool condition, const std::string& text, cudnnStatus_t status = CUDNN_STATUS_BAD_PARAM);

/// Bytes of workspace for an engine's configuration.
std::int64_t cudnn_workspace(const CudnnNode& config);
/// Tensors of a graph that are memory of the caller's.
std::vector<CudnnTensor> edge_of(const std::vector<CudnnPart>& operations);
/// Queues a plan's work.
void run_cudnn(const CudnnNode& plan, const CudnnNode& variant_pack, cudaStream_t stream);

}  // namespace emulated
