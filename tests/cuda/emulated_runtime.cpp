// The part of CUDA's runtime interface that the engine calls, but for streams: device memory is heap memory.
#include <algorithm>
#include <cstdlib>
#include <map>
#include <utility>

#include "tests/cuda/emulated_cuda.h"

namespace emulated {
namespace {

constexpr std::size_t kAlignment = 256;

cudaError_t last_error = cudaSuccess;
std::string last_text;

/// Live allocations and their sizes.
std::map<void*, std::size_t> device_memory, pinned_memory;

cudaError_t allocate(std::map<void*, std::size_t>& live, void** address, std::size_t bytes) {
  void* memory = nullptr;
  if (posix_memalign(&memory, kAlignment, bytes) != 0) return failed(cudaErrorMemoryAllocation, "out of memory");
  std::memset(memory, 0xff, bytes);
  live[memory] = bytes;
  *address = memory;
  return cudaSuccess;
}

cudaError_t release(std::map<void*, std::size_t>& live, void* address) {
  if (address == nullptr) return cudaSuccess;
  if (live.erase(address) == 0) return failed(cudaErrorInvalidValue, "not an address that was allocated");
  std::free(address);
  return cudaSuccess;
}

}  // namespace

Failures& failures() {
  static Failures the_failures;
  return the_failures;
}

bool fails(const char* call) {
  Failures& all = failures();
  const std::int64_t number = all.calls++;
  if (all.failing < 0 || number < all.failing || number > std::max(all.failing, all.until)) return false;
  all.failed_call = call;
  return true;
}

bool goes_wrong() {
  Failures& all = failures();
  if (all.works++ != all.bad_work) return false;
  all.fault_pending = all.how == Failures::Work::fault;
  all.is_lost = all.how == Failures::Work::lost;
  all.is_endless = all.how == Failures::Work::endless;
  return true;
}

cudaError_t fault_of_device(bool waiting) {
  Failures& all = failures();
  if (all.is_lost || (waiting && std::exchange(all.fault_pending, false))) {
    return failed(cudaErrorIllegalAddress, "an illegal memory access was encountered");
  }
  return cudaSuccess;
}

Device& device() {
  static Device the_device;
  return the_device;
}

bool on_device(const void* address, std::size_t bytes) {
  const auto* const begin = static_cast<const std::byte*>(address);
  auto after = device_memory.upper_bound(const_cast<void*>(address));
  if (after == device_memory.begin()) return false;
  const auto& [memory, size] = *std::prev(after);
  return begin + bytes <= static_cast<const std::byte*>(memory) + size;
}

cudaError_t failed(cudaError_t status, const std::string& text) {
  last_error = status;
  last_text = text;
  return status;
}

}  // namespace emulated

using emulated::device;
using emulated::failed;

const char* cudaGetErrorString(cudaError_t status) {
  return status == cudaSuccess ? "no error" : emulated::last_text.c_str();
}
const char* cudaGetErrorName(cudaError_t status) {
  switch (status) {
    case cudaSuccess:
      return "cudaSuccess";
    case cudaErrorMemoryAllocation:
      return "cudaErrorMemoryAllocation";
    case cudaErrorInvalidConfiguration:
      return "cudaErrorInvalidConfiguration";
    case cudaErrorNoDevice:
      return "cudaErrorNoDevice";
    case cudaErrorInvalidDevice:
      return "cudaErrorInvalidDevice";
    case cudaErrorNotReady:
      return "cudaErrorNotReady";
    case cudaErrorIllegalAddress:
      return "cudaErrorIllegalAddress";
    case cudaErrorLaunchFailure:
      return "cudaErrorLaunchFailure";
    case cudaErrorStreamCaptureUnsupported:
      return "cudaErrorStreamCaptureUnsupported";
    case cudaErrorStreamCaptureUnjoined:
      return "cudaErrorStreamCaptureUnjoined";
    case cudaErrorStreamCaptureIsolation:
      return "cudaErrorStreamCaptureIsolation";
    default:
      return "cudaErrorInvalidValue";
  }
}
cudaError_t cudaGetLastError() { return std::exchange(emulated::last_error, cudaSuccess); }

cudaError_t cudaGetDeviceCount(int* count) {
  *count = device().count;
  return *count > 0 ? cudaSuccess : failed(cudaErrorNoDevice, "no CUDA-capable device is detected");
}
cudaError_t cudaSetDevice(int index) {
  return index < device().count ? cudaSuccess : failed(cudaErrorInvalidDevice, "invalid device ordinal");
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
  std::strcpy(properties->name, "emulated");
  return cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
  *value = attribute == cudaDevAttrMultiProcessorCount      ? device().multiprocessors
           : attribute == cudaDevAttrComputeCapabilityMajor ? device().major
                                                            : 0;
  return cudaSuccess;
}

cudaError_t cudaMalloc(void** address, std::size_t bytes) {
  if (const cudaError_t status = emulated::fault_of_device(false); status != cudaSuccess) return status;
  if (emulated::capturing()) return failed(cudaErrorStreamCaptureUnsupported, "cudaMalloc while capturing");
  if (bytes > device().memory - device().allocated) return failed(cudaErrorMemoryAllocation, "out of memory");
  device().allocated += bytes;
  ++device().allocations;
  return emulated::allocate(emulated::device_memory, address, bytes);
}
cudaError_t cudaFree(void* address) {
  if (emulated::capturing()) return failed(cudaErrorStreamCaptureUnsupported, "cudaFree while capturing");
  emulated::catch_up();
  const auto found = emulated::device_memory.find(address);
  if (found != emulated::device_memory.end()) device().allocated -= found->second;
  return emulated::release(emulated::device_memory, address);
}
cudaError_t cudaHostAlloc(void** address, std::size_t bytes, unsigned) {
  return emulated::allocate(emulated::pinned_memory, address, bytes);
}
cudaError_t cudaFreeHost(void* address) { return emulated::release(emulated::pinned_memory, address); }
cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  *free = device().memory - device().allocated;
  *total = device().memory;
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  if ((kind != cudaMemcpyDeviceToHost && !emulated::on_device(to, bytes)) ||
      (kind != cudaMemcpyHostToDevice && !emulated::on_device(from, bytes))) {
    return failed(cudaErrorInvalidValue, "not device memory");
  }
  if (kind != cudaMemcpyDeviceToDevice && emulated::capturing()) {  // legal, but nothing that a step should hold
    return failed(cudaErrorStreamCaptureUnsupported, "a copy to or from the host is being captured");
  }
  return emulated::submit(stream, [=] {
    std::memmove(to, from, bytes);
    return cudaSuccess;
  });
}
cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t stream) {
  if (!emulated::on_device(to, bytes)) return failed(cudaErrorInvalidValue, "not device memory");
  return emulated::submit(stream, [=] {
    std::memset(to, value, bytes);
    return cudaSuccess;
  });
}
