// Owners of what cuDNN's graph interface hands out. Every status is checked: a failure is an Error that names the call.
#pragma once

#include <cudnn_graph.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "engine/core/check.h"

namespace dgsam {

/// What cuDNN says of a status: its name and, where there is one, the message of the last failure.
std::string cudnn_text(cudnnStatus_t status);

/// Throws Error unless status is CUDNN_STATUS_SUCCESS: "cuDNN: <call...>: <cudnn_text>".
template <class... Call>
void check_cudnn(cudnnStatus_t status, const Call&... call) {
  if (status != CUDNN_STATUS_SUCCESS) [[unlikely]]
    fail("cuDNN: ", call..., ": ", cudnn_text(status));
}

/// How cuDNN names the type of an attribute that is a T here.
template <class T>
inline constexpr cudnnBackendAttributeType_t cudnn_type_of = [] {
  static_assert(sizeof(T) == 0, "not the type of an attribute");
  return CUDNN_TYPE_INT64;
}();
template <>
inline constexpr cudnnBackendAttributeType_t cudnn_type_of<std::int64_t> = CUDNN_TYPE_INT64;
template <>
inline constexpr cudnnBackendAttributeType_t cudnn_type_of<bool> = CUDNN_TYPE_BOOLEAN;
template <>
inline constexpr cudnnBackendAttributeType_t cudnn_type_of<char> = CUDNN_TYPE_CHAR;
template <>
inline constexpr cudnnBackendAttributeType_t cudnn_type_of<float> = CUDNN_TYPE_FLOAT;
template <>
inline constexpr cudnnBackendAttributeType_t cudnn_type_of<void*> = CUDNN_TYPE_VOID_PTR;
template <>
inline constexpr cudnnBackendAttributeType_t cudnn_type_of<const void*> = CUDNN_TYPE_VOID_PTR;
template <>
inline constexpr cudnnBackendAttributeType_t cudnn_type_of<cudnnHandle_t> = CUDNN_TYPE_HANDLE;
template <>
inline constexpr cudnnBackendAttributeType_t cudnn_type_of<cudnnDataType_t> = CUDNN_TYPE_DATA_TYPE;
template <>
inline constexpr cudnnBackendAttributeType_t cudnn_type_of<cudnnConvolutionMode_t> = CUDNN_TYPE_CONVOLUTION_MODE;
template <>
inline constexpr cudnnBackendAttributeType_t cudnn_type_of<cudnnPointwiseMode_t> = CUDNN_TYPE_POINTWISE_MODE;
template <>
inline constexpr cudnnBackendAttributeType_t cudnn_type_of<cudnnNanPropagation_t> = CUDNN_TYPE_NAN_PROPOGATION;
template <>
inline constexpr cudnnBackendAttributeType_t cudnn_type_of<cudnnBackendHeurMode_t> = CUDNN_TYPE_HEUR_MODE;
template <>
inline constexpr cudnnBackendAttributeType_t cudnn_type_of<cudnnBackendKnobType_t> = CUDNN_TYPE_KNOB_TYPE;
template <>
inline constexpr cudnnBackendAttributeType_t cudnn_type_of<cudnnBackendNumericalNote_t> = CUDNN_TYPE_NUMERICAL_NOTE;
template <>
inline constexpr cudnnBackendAttributeType_t cudnn_type_of<cudnnBackendBehaviorNote_t> = CUDNN_TYPE_BEHAVIOR_NOTE;

/// One descriptor: created, given attributes, finalised, then read. Move-only; what it was given may go before it.
class CudnnDescriptor {
 public:
  explicit CudnnDescriptor(cudnnBackendDescriptorType_t type);
  CudnnDescriptor(CudnnDescriptor&& other) noexcept
      : type_(other.type_), descriptor_(std::exchange(other.descriptor_, nullptr)) {}
  CudnnDescriptor& operator=(CudnnDescriptor&& other) noexcept {
    std::swap(type_, other.type_);
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~CudnnDescriptor();

  cudnnBackendDescriptor_t get() const { return descriptor_; }

  template <class T>
  void set(cudnnBackendAttributeName_t name, const T& value) {
    set_elements(name, cudnn_type_of<T>, 1, &value);
  }
  template <class T>
  void set(cudnnBackendAttributeName_t name, const std::vector<T>& values) {
    set_elements(name, cudnn_type_of<T>, static_cast<std::int64_t>(values.size()), values.data());
  }
  void set(cudnnBackendAttributeName_t name, const CudnnDescriptor& part);
  void set(cudnnBackendAttributeName_t name, const std::vector<CudnnDescriptor>& parts);

  void finalize();
  /// False where cuDNN cannot do what the attributes ask for; Error where it says that they are wrong.
  bool try_finalize();

  template <class T>
  T value(cudnnBackendAttributeName_t name) const {
    T value{};
    get_elements(name, cudnn_type_of<T>, 1, &value);
    return value;
  }
  template <class T>
  std::vector<T> values(cudnnBackendAttributeName_t name) const {
    std::vector<T> values(static_cast<std::size_t>(get_elements(name, cudnn_type_of<T>, 0, nullptr)));
    if (!values.empty()) get_elements(name, cudnn_type_of<T>, static_cast<std::int64_t>(values.size()), values.data());
    return values;
  }
  /// Descriptors of `type` that this one consists of, `most` at most; 0 asks it how many, which not every attribute
  /// answers truly.
  std::vector<CudnnDescriptor> parts(cudnnBackendAttributeName_t name, cudnnBackendDescriptorType_t type,
                                     std::int64_t most = 0) const;

 private:
  void set_elements(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, std::int64_t count,
                    const void* elements);
  /// Writes at most `count` elements; returns how many there are.
  std::int64_t get_elements(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, std::int64_t count,
                            void* elements) const;

  cudnnBackendDescriptorType_t type_;
  cudnnBackendDescriptor_t descriptor_ = nullptr;
};

}  // namespace dgsam
