// Owners of what CUDA's runtime hands out: streams, events, pinned memory. All move-only or pinned in place.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/cuda/status.h"

namespace dgsam {

/// A stream that does not wait for the default stream.
class Stream {
 public:
  Stream();
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  cudaStream_t get() const { return stream_; }
  void synchronize() const;

 private:
  cudaStream_t stream_ = nullptr;
};

/// A point in a stream's work.
class Event {
 public:
  Event();
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  void record(const Stream& stream);
  /// What is queued in `stream` from now on waits for the work before the last record().
  void hold_back(const Stream& stream) const;
  /// Returns when the work before the last record() is done; at once if there was none.
  void synchronize() const;

 private:
  cudaEvent_t event_ = nullptr;
};

/// Host memory that the device can read while the host goes on.
class PinnedMemory {
 public:
  explicit PinnedMemory(std::size_t bytes);
  ~PinnedMemory();
  PinnedMemory(const PinnedMemory&) = delete;
  PinnedMemory& operator=(const PinnedMemory&) = delete;

  void* data() const { return data_; }

 private:
  void* data_ = nullptr;
};

/// Copies from any host memory to the device by way of pinned buffers in turn: the host memory is free when send()
/// returns, and the device copies one buffer while the host fills the next.
class Staging {
 public:
  void send(void* to, const void* host, std::size_t bytes, const Stream& stream);

 private:
  struct Slot {
    explicit Slot(std::size_t bytes) : memory(bytes) {}
    PinnedMemory memory;
    Event sent;
  };
  struct Ring {
    std::size_t slots, slot_bytes;
    std::vector<std::unique_ptr<Slot>> made;
    std::size_t next = 0;
    Slot& take();
  };
  /// Numbers and labels of a few steps fit, so that they wait for no step's end; images go through the large ones.
  Ring small_{32, std::size_t{16} << 10, {}}, large_{2, std::size_t{4} << 20, {}};
};

/// A step's operations as one launch.
class CapturedGraph {
 public:
  /// What `stream` and the streams that it holds back and waits for are given to do by `work`, without doing it.
  CapturedGraph(const Stream& stream, const std::function<void()>& work);
  ~CapturedGraph();
  CapturedGraph(const CapturedGraph&) = delete;
  CapturedGraph& operator=(const CapturedGraph&) = delete;

  void launch(const Stream& stream) const;
  /// Kernels, copies and fills in it.
  std::int64_t launches() const { return launches_; }

 private:
  cudaGraphExec_t graph_ = nullptr;
  std::int64_t launches_ = 0;
};

/// What is known of the device in use.
struct DeviceInfo {
  std::string name;
  int multiprocessors = 1;
  int major = 0, minor = 0;  ///< of the compute capability
};

/// Where kernels go, and how many blocks of kMapThreads fill the device.
struct Queue {
  cudaStream_t stream = nullptr;
  int blocks = 1;
};
inline constexpr int kMapThreads = 256;

/// Why device 0 cannot be used, by a driver, a GPU, or a compute capability of 8.0 that is missing; empty if it can.
std::string device_problem();

/// Makes device 0 the current one. Throws Error, with the remedy, when there is a device_problem().
DeviceInfo open_device();

}  // namespace dgsam
