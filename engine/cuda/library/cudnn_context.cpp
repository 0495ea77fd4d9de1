#include "engine/cuda/library/cudnn_context.h"

namespace dgsam {

CudnnContext::CudnnContext() { check_cudnn(cudnnCreate(&handle_), "cudnnCreate"); }

CudnnContext::CudnnContext(const std::string& device_properties) {
  properties_.emplace(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
  properties_->set(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION,
                   std::vector<char>(device_properties.begin(), device_properties.end()));
  properties_->finalize();
}

CudnnContext::~CudnnContext() {
  if (handle_) cudnnDestroy(handle_);
}

std::string CudnnContext::version() {
  const std::size_t version = cudnnGetVersion();  // 91900
  return std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) + "." +
         std::to_string(version % 100);
}

std::optional<CudnnDescriptor> CudnnContext::graph(const std::vector<CudnnDescriptor>& operations) const {
  CudnnDescriptor graph(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
  graph.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, operations);
  if (handle_) graph.set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, handle_);
  if (!graph.try_finalize()) return std::nullopt;
  return graph;
}

std::vector<CudnnDescriptor> CudnnContext::heuristic(const CudnnDescriptor& graph, cudnnBackendHeurMode_t mode) const {
  CudnnDescriptor heuristic(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  heuristic.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph);
  heuristic.set(CUDNN_ATTR_ENGINEHEUR_MODE, mode);
  if (properties_) heuristic.set(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, *properties_);
  if (!heuristic.try_finalize()) return {};
  return heuristic.parts(CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
}

std::optional<CudnnDescriptor> CudnnContext::engine(const CudnnDescriptor& graph, std::int64_t index) const {
  CudnnDescriptor engine(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
  engine.set(CUDNN_ATTR_ENGINE_OPERATION_GRAPH, graph);
  engine.set(CUDNN_ATTR_ENGINE_GLOBAL_INDEX, index);
  if (properties_) engine.set(CUDNN_ATTR_ENGINE_DEVICEPROP, *properties_);
  if (!engine.try_finalize()) return std::nullopt;
  return engine;
}

void CudnnContext::execute(const Queue& queue, const CudnnDescriptor& plan, const CudnnDescriptor& variant_pack) const {
  require(handle_ != nullptr, "cuDNN: an algorithm that was planned without a device cannot run");
  check_cudnn(cudnnSetStream(handle_, queue.stream), "cudnnSetStream");
  check_cudnn(cudnnBackendExecute(handle_, plan.get(), variant_pack.get()), "cudnnBackendExecute");
}

}  // namespace dgsam
