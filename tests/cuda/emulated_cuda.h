// CUDA C++ on the CPU, for tests: the text of a .cu file, compiled as C++, runs thread by thread with real barriers.
//
// Every thread of a block runs on the same core, one after another; it is put aside (as a fiber) when it waits at a
// barrier or a warp operation. So a missing barrier shows: threads run in an order that is shuffled at every launch,
// and blocks do too. What a GPU would answer with a hang or with silent nonsense is a failed launch here, whose error
// text names block, thread and source line:
//   - a barrier that some live threads do not reach, or that is not the same one for all of them
//   - a shuffle or vote whose mask names a lane that does not come, or that comes to another one
//   - a value taken from a lane outside the mask
//   - writing past the shared memory that the launch asked for
// Shared memory is NaN at the start of every block and lies between bytes that AddressSanitizer forbids; device memory
// is a heap allocation of the exact size, NaN at first.
//
// Shared memory is sized by the launch alone: `extern __shared__` is the only declaration that compiles.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <source_location>
#include <string>
#include <tuple>
#include <type_traits>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __shared__ __attribute__((weak))  // refused on anything but an external declaration

struct uint3 {
  unsigned x, y, z;
};
struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};

inline uint3 threadIdx, blockIdx;
inline dim3 blockDim, gridDim;
inline constexpr int warpSize = 32;

// --- the part of the runtime's interface that the engine calls ------------------------------------------------------

enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInvalidConfiguration = 9,
  cudaErrorNoDevice = 100,
  cudaErrorInvalidDevice = 101,
  cudaErrorNotReady = 600,
  cudaErrorIllegalAddress = 700,
  cudaErrorLaunchFailure = 719,
  cudaErrorStreamCaptureUnsupported = 900,
  cudaErrorStreamCaptureUnjoined = 904,
  cudaErrorStreamCaptureIsolation = 905,
};
enum cudaMemcpyKind { cudaMemcpyHostToDevice = 1, cudaMemcpyDeviceToHost = 2, cudaMemcpyDeviceToDevice = 3 };
enum cudaStreamCaptureStatus { cudaStreamCaptureStatusNone, cudaStreamCaptureStatusActive };
enum cudaStreamCaptureMode { cudaStreamCaptureModeThreadLocal = 1 };
enum cudaDeviceAttr {
  cudaDevAttrMultiProcessorCount = 16,
  cudaDevAttrComputeCapabilityMajor = 75,
  cudaDevAttrComputeCapabilityMinor = 76,
};
inline constexpr unsigned cudaStreamNonBlocking = 1, cudaEventDisableTiming = 2, cudaHostAllocDefault = 0;
using cudaStream_t = struct EmulatedStream*;
using cudaEvent_t = struct EmulatedEvent*;
using cudaGraph_t = struct EmulatedGraph*;
using cudaGraphExec_t = struct EmulatedGraph*;
using cudaGraphNode_t = struct EmulatedNode*;
enum cudaGraphNodeType {
  cudaGraphNodeTypeKernel = 0,
  cudaGraphNodeTypeMemcpy = 1,
  cudaGraphNodeTypeMemset = 2,
  cudaGraphNodeTypeWaitEvent = 6,
  cudaGraphNodeTypeEventRecord = 7,
};
struct cudaLaunchConfig_t {
  dim3 gridDim, blockDim;
  std::size_t dynamicSmemBytes;
  cudaStream_t stream;
};
struct cudaDeviceProp {
  char name[256];
};

/// Of the last failure: what the kernel did.
const char* cudaGetErrorString(cudaError_t status);
const char* cudaGetErrorName(cudaError_t status);
cudaError_t cudaGetLastError();
cudaError_t cudaGetDeviceCount(int* count);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device);
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device);
cudaError_t cudaMalloc(void** address, std::size_t bytes);
cudaError_t cudaFree(void* address);
cudaError_t cudaHostAlloc(void** address, std::size_t bytes, unsigned flags);
cudaError_t cudaFreeHost(void* address);
cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total);
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, cudaStream_t stream);
cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t stream);
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags);
cudaError_t cudaEventCreate(cudaEvent_t* event);
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end);
cudaError_t cudaEventDestroy(cudaEvent_t event);
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream);
cudaError_t cudaEventSynchronize(cudaEvent_t event);
cudaError_t cudaEventQuery(cudaEvent_t event);
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags);
cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status);
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode);
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph);
/// As many nodes as `count` says, and how many there are; with `nodes` null, that alone. Copies and fills are kernels.
cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t* nodes, std::size_t* count);
cudaError_t cudaGraphNodeGetType(cudaGraphNode_t node, cudaGraphNodeType* type);
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long flags);
cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream);
cudaError_t cudaGraphDestroy(cudaGraph_t graph);
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable);

// --- the emulator
// -----------------------------------------------------------------------------------------------------

namespace emulated {

/// In which order blocks, and the threads of a block, get their turns.
enum class Order { forward, reversed, shuffled };

/// The device of this process. Tests may change it at any time between launches.
struct Device {
  Order order = Order::shuffled;
  std::uint32_t seed = 1;  ///< of the next shuffled launch; each one takes the next
  int count = 1;           ///< of devices
  int multiprocessors = 2;
  int major = 9;                               ///< of the compute capability
  std::size_t memory = std::size_t{4} << 30;   ///< in all
  std::size_t allocated = 0;                   ///< of it
  std::int64_t allocations = 0, launches = 0;  ///< so far
  std::int64_t launches_by_host = 0;           ///< of them, those that no graph made
  std::int64_t nanoseconds = 0;                ///< its clock, which only work moves: the same in every run
  std::int64_t graphs = 0;                     ///< launched
  std::int64_t waits = 0;                      ///< of the host, for all that a stream had been given
};
Device& device();

/// What goes wrong on purpose in the emulated libraries. One of two things does: the call with a certain number returns
/// a status, or work that was taken without complaint goes wrong on the device.
struct Failures {
  std::int64_t calls = 0;        ///< of cuBLASLt and cuDNN so far, but for those that give objects back
  std::int64_t failing = -1;     ///< the number of the call that returns `status`, counted from 0
  std::int64_t until = 0;        ///< if larger, so do all calls from `failing` to this one
  int status = 0;                ///< the library's own number for it
  std::string failed_call = {};  ///< its name, when it was made

  enum class Work {
    undone,   ///< it does nothing, and says nothing
    fault,    ///< whoever waits for the device next is told of an error, once
    lost,     ///< whoever asks the device for anything is told of an error, from then on
    endless,  ///< nobody who waits for its end learns of it
  };
  std::int64_t works = 0;      ///< products and convolutions given to the libraries so far
  std::int64_t bad_work = -1;  ///< the number of the one that goes wrong
  Work how = Work::undone;
  bool fault_pending = false, is_lost = false, is_endless = false;
};
Failures& failures();

/// Counts a call of an emulated library; true if it is the one that fails.
bool fails(const char* call);
/// Counts work given to an emulated library; true if it goes wrong, which it then has done.
bool goes_wrong();
/// What the device says to whoever waits for it, or, where it is lost, asks for anything.
cudaError_t fault_of_device(bool waiting);

/// Whether [address, address + bytes) lies in one live allocation of device memory.
bool on_device(const void* address, std::size_t bytes);

/// What a product in TF32 takes for a factor: 10 bits of mantissa, to nearest with ties away from zero, as PTX
/// converts.
inline float tf32(float value) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  bits = (bits + 0x1000u) & ~0x1fffu;
  std::memcpy(&value, &bits, sizeof bits);
  return value;
}

/// Sets the device's order for one scope.
class InOrder {
 public:
  explicit InOrder(Order order) : before_(device().order) { device().order = order; }
  ~InOrder() { device().order = before_; }
  InOrder(const InOrder&) = delete;
  InOrder& operator=(const InOrder&) = delete;

 private:
  Order before_;
};

/// Makes `text` what cudaGetErrorString() says of `status`, and returns `status`.
cudaError_t failed(cudaError_t status, const std::string& text);

/// What a stream is given to do. Most streams do it at once. One that has waited for another stream's event puts its
/// work off until somebody waits for it: the latest moment that a GPU might take, so that work which two streams touch
/// without waiting for one another shows. Between begin and end of a capture it is only written down.
using Work = std::function<cudaError_t()>;
cudaError_t submit(cudaStream_t stream, Work work);
/// Does all that was put off.
cudaError_t catch_up();
/// Whether a stream is being captured: then the device can neither give memory nor take it back.
bool capturing();

/// Runs thread_body once for every thread of the grid.
cudaError_t run(const cudaLaunchConfig_t& config, const std::function<void()>& thread_body);

using Where = std::source_location;

struct Barrier {
  int count;  ///< threads whose predicate was not 0
  int threads;
};
Barrier wait_at_barrier(int predicate, const Where& where);
void wait_for_warp(unsigned mask, const Where& where);
/// What lane `source` brought; the calling lane's own word for a source outside of the warp.
std::uint64_t exchange(unsigned mask, std::uint64_t word, int source, const Where& where);
/// A bit for every lane of the mask that brought something else than 0.
unsigned ballot(unsigned mask, int predicate, const Where& where);
int lane();

template <class T>
T shuffle(unsigned mask, T value, int source, const Where& where) {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= sizeof(std::uint64_t));
  std::uint64_t word = 0;
  std::memcpy(&word, &value, sizeof value);
  word = exchange(mask, word, source, where);
  std::memcpy(&value, &word, sizeof value);
  return value;
}

}  // namespace emulated

template <class... Parameters, class... Arguments>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Parameters...), Arguments&&... given) {
  const std::tuple<Parameters...> arguments(std::forward<Arguments>(given)...);
  if (!emulated::capturing()) ++emulated::device().launches_by_host;
  return emulated::submit(config->stream, [config = *config, kernel, arguments] {
    return emulated::run(config, [&] { std::apply(kernel, arguments); });
  });
}

inline void __syncthreads(const emulated::Where& where = emulated::Where::current()) {
  emulated::wait_at_barrier(0, where);
}
inline int __syncthreads_count(int predicate, const emulated::Where& where = emulated::Where::current()) {
  return emulated::wait_at_barrier(predicate, where).count;
}
inline int __syncthreads_or(int predicate, const emulated::Where& where = emulated::Where::current()) {
  return emulated::wait_at_barrier(predicate, where).count > 0;
}
inline int __syncthreads_and(int predicate, const emulated::Where& where = emulated::Where::current()) {
  const emulated::Barrier barrier = emulated::wait_at_barrier(predicate, where);
  return barrier.count == barrier.threads;
}
inline void __syncwarp(unsigned mask = ~0u, const emulated::Where& where = emulated::Where::current()) {
  emulated::wait_for_warp(mask, where);
}
inline unsigned __ballot_sync(unsigned mask, int predicate, const emulated::Where& where = emulated::Where::current()) {
  return emulated::ballot(mask, predicate, where);
}
inline int __any_sync(unsigned mask, int predicate, const emulated::Where& where = emulated::Where::current()) {
  return emulated::ballot(mask, predicate, where) != 0;
}
inline int __all_sync(unsigned mask, int predicate, const emulated::Where& where = emulated::Where::current()) {
  return emulated::ballot(mask, predicate == 0, where) == 0;
}
template <class T>
T __shfl_sync(unsigned mask, T value, int source, const emulated::Where& where = emulated::Where::current()) {
  return emulated::shuffle(mask, value, source & (warpSize - 1), where);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int bits, const emulated::Where& where = emulated::Where::current()) {
  return emulated::shuffle(mask, value, emulated::lane() ^ bits, where);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned by, const emulated::Where& where = emulated::Where::current()) {
  return emulated::shuffle(mask, value, emulated::lane() + static_cast<int>(by), where);
}
