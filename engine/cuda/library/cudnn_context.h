// What cuDNN needs to know of the device: a handle, or, to plan without one, the device's properties.
#pragma once

#include <optional>
#include <string>

#include "engine/cuda/device.h"
#include "engine/cuda/library/cudnn_descriptor.h"

namespace dgsam {

class CudnnContext {
 public:
  /// For the current device. Throws Error when cuDNN does not work with it.
  CudnnContext();
  /// For a device that need not be there, given as cuDNN's JSON of its properties: algorithms can be listed and built,
  /// not run.
  explicit CudnnContext(const std::string& device_properties);
  ~CudnnContext();
  CudnnContext(const CudnnContext&) = delete;
  CudnnContext& operator=(const CudnnContext&) = delete;

  /// "9.19.0": algorithms' names mean nothing to another version.
  static std::string version();

  /// A graph of `operations`; nullopt where cuDNN has no place for such a graph.
  std::optional<CudnnDescriptor> graph(const std::vector<CudnnDescriptor>& operations) const;
  /// A heuristic's answer (CUDNN_BACKEND_ENGINECFG_DESCRIPTORs, the fastest first) for a graph; it may be empty.
  std::vector<CudnnDescriptor> heuristic(const CudnnDescriptor& graph, cudnnBackendHeurMode_t mode) const;
  /// An engine by its index; nullopt where it does not take the graph.
  std::optional<CudnnDescriptor> engine(const CudnnDescriptor& graph, std::int64_t index) const;

  /// Queues a plan's work. Neither allocates device memory nor waits, so that a capturing stream is fine.
  void execute(const Queue& queue, const CudnnDescriptor& plan, const CudnnDescriptor& variant_pack) const;

 private:
  cudnnHandle_t handle_ = nullptr;
  std::optional<CudnnDescriptor> properties_;
};

}  // namespace dgsam
