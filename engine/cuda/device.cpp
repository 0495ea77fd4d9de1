#include "engine/cuda/device.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <type_traits>
#include <vector>

namespace dgsam {

// A destructor cannot report a failure; one that matters has been reported by the call that caused it.

Stream::Stream() { check_cuda(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreate"); }
Stream::~Stream() { static_cast<void>(cudaStreamDestroy(stream_)); }
void Stream::synchronize() const { check_cuda(cudaStreamSynchronize(stream_), "waiting for the device"); }

Event::Event() { check_cuda(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming), "cudaEventCreate"); }
Event::~Event() { static_cast<void>(cudaEventDestroy(event_)); }
void Event::record(const Stream& stream) { check_cuda(cudaEventRecord(event_, stream.get()), "cudaEventRecord"); }
void Event::hold_back(const Stream& stream) const {
  check_cuda(cudaStreamWaitEvent(stream.get(), event_, 0), "cudaStreamWaitEvent");
}
void Event::synchronize() const { check_cuda(cudaEventSynchronize(event_), "cudaEventSynchronize"); }

PinnedMemory::PinnedMemory(std::size_t bytes) {
  check_cuda(cudaHostAlloc(&data_, bytes, cudaHostAllocDefault), "cudaHostAlloc of ", bytes, " bytes");
}
PinnedMemory::~PinnedMemory() { static_cast<void>(cudaFreeHost(data_)); }

Staging::Slot& Staging::Ring::take() {
  if (made.size() < slots) return *made.emplace_back(std::make_unique<Slot>(slot_bytes));
  Slot& slot = *made[next];
  next = (next + 1) % slots;
  slot.sent.synchronize();
  return slot;
}

void Staging::send(void* to, const void* host, std::size_t bytes, const Stream& stream) {
  Ring& ring = bytes <= small_.slot_bytes ? small_ : large_;
  for (std::size_t done = 0; done < bytes; done += ring.slot_bytes) {
    const std::size_t piece = std::min(ring.slot_bytes, bytes - done);
    Slot& slot = ring.take();
    std::memcpy(slot.memory.data(), static_cast<const std::byte*>(host) + done, piece);
    check_cuda(cudaMemcpyAsync(static_cast<std::byte*>(to) + done, slot.memory.data(), piece, cudaMemcpyHostToDevice,
                               stream.get()),
               "upload of ", bytes, " bytes");
    slot.sent.record(stream);
  }
}

namespace {

std::int64_t launches_in(cudaGraph_t graph) {
  std::size_t count = 0;
  check_cuda(cudaGraphGetNodes(graph, nullptr, &count), "cudaGraphGetNodes");
  std::vector<cudaGraphNode_t> nodes(count);
  check_cuda(cudaGraphGetNodes(graph, nodes.data(), &count), "cudaGraphGetNodes");
  return std::count_if(nodes.begin(), nodes.end(), [](cudaGraphNode_t node) {
    cudaGraphNodeType type{};
    check_cuda(cudaGraphNodeGetType(node, &type), "cudaGraphNodeGetType");
    return type == cudaGraphNodeTypeKernel || type == cudaGraphNodeTypeMemcpy || type == cudaGraphNodeTypeMemset;
  });
}

}  // namespace

CapturedGraph::CapturedGraph(const Stream& stream, const std::function<void()>& work) {
  check_cuda(cudaStreamBeginCapture(stream.get(), cudaStreamCaptureModeThreadLocal), "cudaStreamBeginCapture");
  cudaGraph_t graph = nullptr;
  try {
    work();
  } catch (...) {
    static_cast<void>(cudaStreamEndCapture(stream.get(), &graph));  // the stream must leave its capture
    if (graph) static_cast<void>(cudaGraphDestroy(graph));
    static_cast<void>(cudaGetLastError());  // what `work` threw says more
    throw;
  }
  check_cuda(cudaStreamEndCapture(stream.get(), &graph), "cudaStreamEndCapture");
  const std::unique_ptr<std::remove_pointer_t<cudaGraph_t>, decltype(&cudaGraphDestroy)> owner(graph, cudaGraphDestroy);
  launches_ = launches_in(graph);
  check_cuda(cudaGraphInstantiate(&graph_, graph, 0), "cudaGraphInstantiate");
}
CapturedGraph::~CapturedGraph() { static_cast<void>(cudaGraphExecDestroy(graph_)); }
void CapturedGraph::launch(const Stream& stream) const {
  check_cuda(cudaGraphLaunch(graph_, stream.get()), "cudaGraphLaunch");
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
  return {device_name(), attribute(cudaDevAttrMultiProcessorCount), attribute(cudaDevAttrComputeCapabilityMajor),
          attribute(cudaDevAttrComputeCapabilityMinor)};
}

}  // namespace dgsam
