#include "engine/cuda/library/cudnn_descriptor.h"

#include <array>

namespace dgsam {

std::string cudnn_text(cudnnStatus_t status) {
  std::array<char, 1024> message{};
  cudnnGetLastErrorString(message.data(), message.size());
  std::string text = cudnnGetErrorString(status);
  if (message[0] != '\0') text += std::string(" (") + message.data() + ")";
  return text;
}

CudnnDescriptor::CudnnDescriptor(cudnnBackendDescriptorType_t type) : type_(type) {
  check_cudnn(cudnnBackendCreateDescriptor(type, &descriptor_), "cudnnBackendCreateDescriptor of type ", type);
}

CudnnDescriptor::~CudnnDescriptor() {
  if (descriptor_) cudnnBackendDestroyDescriptor(descriptor_);
}

void CudnnDescriptor::set(cudnnBackendAttributeName_t name, const CudnnDescriptor& part) {
  set_elements(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &part.descriptor_);
}

void CudnnDescriptor::set(cudnnBackendAttributeName_t name, const std::vector<CudnnDescriptor>& parts) {
  std::vector<cudnnBackendDescriptor_t> raw;
  for (const CudnnDescriptor& part : parts) raw.push_back(part.descriptor_);
  set_elements(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, static_cast<std::int64_t>(raw.size()), raw.data());
}

void CudnnDescriptor::finalize() {
  check_cudnn(cudnnBackendFinalize(descriptor_), "cudnnBackendFinalize of a descriptor of type ", type_);
}

bool CudnnDescriptor::try_finalize() {
  const cudnnStatus_t status = cudnnBackendFinalize(descriptor_);
  const int category = CUDNN_STATUS_CATEGORY(status);
  const bool wrong = category == CUDNN_STATUS_CATEGORY(CUDNN_STATUS_NOT_INITIALIZED) ||
                     category == CUDNN_STATUS_CATEGORY(CUDNN_STATUS_BAD_PARAM);
  if (wrong) check_cudnn(status, "cudnnBackendFinalize of a descriptor of type ", type_);
  return status == CUDNN_STATUS_SUCCESS;
}

std::vector<CudnnDescriptor> CudnnDescriptor::parts(cudnnBackendAttributeName_t name, cudnnBackendDescriptorType_t type,
                                                    std::int64_t most) const {
  if (most == 0) most = get_elements(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, nullptr);
  std::vector<CudnnDescriptor> parts;  // cuDNN fills descriptors that are there
  std::vector<cudnnBackendDescriptor_t> raw;
  for (std::int64_t i = 0; i < most; ++i) raw.push_back(parts.emplace_back(type).get());
  if (most == 0) return parts;
  const std::int64_t there = get_elements(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, most, raw.data());
  while (static_cast<std::int64_t>(parts.size()) > there) parts.pop_back();
  return parts;
}

void CudnnDescriptor::set_elements(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                                   std::int64_t count, const void* elements) {
  check_cudnn(cudnnBackendSetAttribute(descriptor_, name, type, count, elements),
              "cudnnBackendSetAttribute of a descriptor of type ", type_, ", attribute ", name);
}

std::int64_t CudnnDescriptor::get_elements(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                                           std::int64_t count, void* elements) const {
  std::int64_t there = 0;
  check_cudnn(cudnnBackendGetAttribute(descriptor_, name, type, count, &there, elements),
              "cudnnBackendGetAttribute of a descriptor of type ", type_, ", attribute ", name);
  return there;
}

}  // namespace dgsam
