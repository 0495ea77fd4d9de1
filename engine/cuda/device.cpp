#include "engine/cuda/device.h"

#include <algorithm>
#include <cstring>

namespace dgsam {

// A destructor cannot report a failure; one that matters has been reported by the call that caused it.

Stream::Stream() { check_cuda(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreate"); }
Stream::~Stream() { static_cast<void>(cudaStreamDestroy(stream_)); }
void Stream::synchronize() const { check_cuda(cudaStreamSynchronize(stream_), "waiting for the device"); }

Event::Event() { check_cuda(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming), "cudaEventCreate"); }
Event::~Event() { static_cast<void>(cudaEventDestroy(event_)); }
void Event::record(const Stream& stream) { check_cuda(cudaEventRecord(event_, stream.get()), "cudaEventRecord"); }
void Event::synchronize() const { check_cuda(cudaEventSynchronize(event_), "cudaEventSynchronize"); }

PinnedMemory::PinnedMemory(std::size_t bytes) {
  check_cuda(cudaHostAlloc(&data_, bytes, cudaHostAllocDefault), "cudaHostAlloc of ", bytes, " bytes");
}
PinnedMemory::~PinnedMemory() { static_cast<void>(cudaFreeHost(data_)); }

void Staging::send(void* to, const void* host, std::size_t bytes, const Stream& stream) {
  for (std::size_t done = 0; done < bytes; done += kSlotBytes) {
    const std::size_t piece = std::min(kSlotBytes, bytes - done);
    Slot& slot = slots_[next_];
    next_ = (next_ + 1) % slots_.size();
    slot.sent.synchronize();
    std::memcpy(slot.memory.data(), static_cast<const std::byte*>(host) + done, piece);
    check_cuda(cudaMemcpyAsync(static_cast<std::byte*>(to) + done, slot.memory.data(), piece, cudaMemcpyHostToDevice,
                               stream.get()),
               "upload of ", bytes, " bytes");
    slot.sent.record(stream);
  }
}

namespace {

constexpr int kDevice = 0;

int attribute(cudaDeviceAttr which) {
  int value = 0;
  check_cuda(cudaDeviceGetAttribute(&value, which, kDevice), "cudaDeviceGetAttribute");
  return value;
}

std::string device_name() {
  cudaDeviceProp properties{};
  check_cuda(cudaGetDeviceProperties(&properties, kDevice), "cudaGetDeviceProperties");
  return properties.name;
}

}  // namespace

std::string device_problem() {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess || count == 0) {
    static_cast<void>(cudaGetLastError());  // it is dealt with
    return std::string("no usable GPU: ") + (status == cudaSuccess ? "none found" : cudaGetErrorString(status));
  }
  const int major = attribute(cudaDevAttrComputeCapabilityMajor);
  if (major >= 8) return "";
  return device_name() + " has compute capability " + std::to_string(major) + "." +
         std::to_string(attribute(cudaDevAttrComputeCapabilityMinor)) + ", 8.0 or later is needed";
}

DeviceInfo open_device() {
  const std::string problem = device_problem();
  require(problem.empty(), "device cuda: ", problem, "; use --device cpu");
  check_cuda(cudaSetDevice(kDevice), "cudaSetDevice");
  return {device_name(), attribute(cudaDevAttrMultiProcessorCount)};
}

}  // namespace dgsam
