// Streams, events and captured graphs of the emulated device.
#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "tests/cuda/emulated_cuda.h"

struct EmulatedStream {
  bool puts_off = false;
  std::deque<emulated::Work> waiting;
  std::int64_t submitted = 0, done = 0;
  EmulatedGraph* capture = nullptr;
};

struct EmulatedEvent {
  EmulatedStream* stream = nullptr;                ///< where it was recorded last, null if never
  std::int64_t after = 0;                          ///< of the stream's works
  EmulatedGraph* capture = nullptr;                ///< that the last record() belongs to
  std::shared_ptr<std::int64_t> nanoseconds = {};  ///< when it was reached; null without timing
};

struct EmulatedNode {
  EmulatedStream* stream;
  emulated::Work work;                   ///< or
  EmulatedEvent *recorded, *waited_for;  ///< one of these
};

/// A capture, and then what it captured. Streams and events have stand-ins here, so that a replay touches no others.
struct EmulatedGraph {
  cudaStream_t origin = nullptr;
  std::vector<EmulatedNode> nodes;
  std::map<cudaStream_t, std::unique_ptr<EmulatedStream>> streams;
  std::map<cudaEvent_t, std::unique_ptr<EmulatedEvent>> events;
  std::map<cudaStream_t, std::int64_t> given, joined;  ///< works of a stream; those that the origin waits for
  std::map<cudaEvent_t, std::pair<cudaStream_t, std::int64_t>> recorded_after;

  EmulatedStream* stand_in(cudaStream_t stream) {
    auto& made = streams[stream];
    if (!made) made = std::make_unique<EmulatedStream>();
    return made.get();
  }
  EmulatedEvent* stand_in(cudaEvent_t event) {
    auto& made = events[event];
    if (!made) made = std::make_unique<EmulatedEvent>();
    return made.get();
  }
};

namespace emulated {
namespace {

std::set<cudaStream_t> live_streams;
std::set<EmulatedGraph*> captures;

/// Does what the stream was given, up to its work number `until`.
cudaError_t advance(EmulatedStream& stream, std::int64_t until) {
  while (stream.done < until && !stream.waiting.empty()) {
    const Work work = std::move(stream.waiting.front());
    stream.waiting.pop_front();
    ++stream.done;
    if (const cudaError_t status = work(); status != cudaSuccess) return status;
  }
  return cudaSuccess;
}

cudaError_t give(EmulatedStream& stream, Work work) {
  ++stream.submitted;
  if (stream.puts_off) {
    stream.waiting.push_back(std::move(work));
    return cudaSuccess;
  }
  ++stream.done;
  return work();
}

void record(EmulatedEvent& event, EmulatedStream& stream) {
  event.stream = &stream;
  event.after = stream.submitted;
}

cudaError_t hold_back(EmulatedStream& stream, EmulatedEvent& event) {
  if (event.stream == nullptr || event.stream == &stream) return cudaSuccess;
  if (!event.stream->puts_off) {
    stream.puts_off = true;
    return cudaSuccess;
  }
  return advance(*event.stream, event.after);
}

}  // namespace

cudaError_t submit(cudaStream_t stream, Work work) {
  if (const cudaError_t status = fault_of_device(false); status != cudaSuccess) return status;
  if (stream == nullptr) return work();
  EmulatedGraph* const graph = stream->capture;
  if (!graph) return give(*stream, std::move(work));
  ++graph->given[stream];
  graph->nodes.push_back({graph->stand_in(stream), std::move(work), nullptr, nullptr});
  return cudaSuccess;
}

cudaError_t catch_up() {
  for (const cudaStream_t stream : live_streams) {
    if (const cudaError_t status = advance(*stream, stream->submitted); status != cudaSuccess) return status;
  }
  return cudaSuccess;
}

bool capturing() { return !captures.empty(); }

}  // namespace emulated

using emulated::device;
using emulated::failed;

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  *stream = *emulated::live_streams.insert(new EmulatedStream).first;
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  emulated::advance(*stream, stream->submitted);
  emulated::live_streams.erase(stream);
  delete stream;
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  if (stream->capture) return failed(cudaErrorStreamCaptureUnsupported, "a stream that is captured cannot be awaited");
  if (const cudaError_t status = emulated::fault_of_device(true); status != cudaSuccess) return status;
  ++device().waits;
  return emulated::advance(*stream, stream->submitted);
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  *event = new EmulatedEvent;
  if ((flags & cudaEventDisableTiming) == 0) (*event)->nanoseconds = std::make_shared<std::int64_t>();
  return cudaSuccess;
}
cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, 0); }
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  for (const cudaEvent_t event : {start, end}) {
    if (!event->nanoseconds || !event->stream || event->stream->done < event->after) {
      return failed(cudaErrorInvalidValue, "an event without timing, or not reached");
    }
  }
  *milliseconds = static_cast<float>(static_cast<double>(*end->nanoseconds - *start->nanoseconds) * 1e-6);
  return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  EmulatedGraph* const graph = stream->capture;
  event->capture = graph;
  if (!graph) {
    if (event->nanoseconds) {
      emulated::give(*stream, [reached = event->nanoseconds] {
        *reached = device().nanoseconds;
        return cudaSuccess;
      });
    }
    emulated::record(*event, *stream);
    return cudaSuccess;
  }
  graph->recorded_after[event] = {stream, graph->given[stream]};
  graph->nodes.push_back({graph->stand_in(stream), nullptr, graph->stand_in(event), nullptr});
  return cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  if (event->capture) return failed(cudaErrorStreamCaptureUnsupported, "a captured event cannot be awaited");
  if (!event->stream) return cudaSuccess;
  if (const cudaError_t status = emulated::fault_of_device(true); status != cudaSuccess) return status;
  device().waits += event->after == event->stream->submitted;
  return emulated::advance(*event->stream, event->after);
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
  if (event->capture) return failed(cudaErrorStreamCaptureUnsupported, "a captured event cannot be asked for");
  if (emulated::failures().is_endless) return failed(cudaErrorNotReady, "device not ready");
  if (const cudaError_t status = emulated::fault_of_device(true); status != cudaSuccess) return status;
  return event->stream ? emulated::advance(*event->stream, event->after) : cudaSuccess;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  if (!stream->capture && !event->capture) return emulated::hold_back(*stream, *event);
  EmulatedGraph* const graph = event->capture;
  if (!emulated::captures.contains(graph) || (stream->capture && stream->capture != graph)) {
    return failed(cudaErrorStreamCaptureIsolation, "a captured stream waits for an event from outside of the capture");
  }
  stream->capture = graph;
  const auto& [source, works] = graph->recorded_after[event];
  if (stream == graph->origin) graph->joined[source] = std::max(graph->joined[source], works);
  graph->nodes.push_back({graph->stand_in(stream), nullptr, nullptr, graph->stand_in(event)});
  return cudaSuccess;
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  *status = stream->capture ? cudaStreamCaptureStatusActive : cudaStreamCaptureStatusNone;
  return cudaSuccess;
}
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  if (stream->capture) return failed(cudaErrorStreamCaptureUnsupported, "the stream is captured already");
  stream->capture = new EmulatedGraph;
  stream->capture->origin = stream;
  emulated::captures.insert(stream->capture);
  return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  EmulatedGraph* const captured = stream->capture;
  if (!captured || captured->origin != stream) return failed(cudaErrorInvalidValue, "not a captured stream");
  emulated::captures.erase(captured);
  for (const cudaStream_t live : emulated::live_streams) {
    if (live->capture == captured) live->capture = nullptr;
  }
  for (const auto& [other, works] : captured->given) {
    if (other == stream || captured->joined[other] == works) continue;
    delete captured;
    *graph = nullptr;
    return failed(cudaErrorStreamCaptureUnjoined, "work of another stream was captured that nothing waits for");
  }
  *graph = captured;
  return cudaSuccess;
}

cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t* nodes, std::size_t* count) {
  if (nodes) {
    *count = std::min(*count, graph->nodes.size());
    for (std::size_t i = 0; i < *count; ++i) nodes[i] = &graph->nodes[i];
  } else {
    *count = graph->nodes.size();
  }
  return cudaSuccess;
}
cudaError_t cudaGraphNodeGetType(cudaGraphNode_t node, cudaGraphNodeType* type) {
  *type = node->work       ? cudaGraphNodeTypeKernel
          : node->recorded ? cudaGraphNodeTypeEventRecord
                           : cudaGraphNodeTypeWaitEvent;
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long) {
  *executable = new EmulatedGraph(std::move(*graph));
  return cudaSuccess;
}
/// The stand-in of the captured stream is the stream that the graph is launched in: it has nothing left to do, and all
/// others have been waited for at the end.
cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  if (stream->capture) return failed(cudaErrorStreamCaptureUnsupported, "a graph is launched while capturing");
  if (const cudaError_t status = emulated::advance(*stream, stream->submitted); status != cudaSuccess) return status;
  ++device().graphs;
  for (const EmulatedNode& node : executable->nodes) {
    cudaError_t status = cudaSuccess;
    if (node.work) {
      status = emulated::give(*node.stream, node.work);
    } else if (node.recorded) {
      emulated::record(*node.recorded, *node.stream);
    } else {
      status = emulated::hold_back(*node.stream, *node.waited_for);
    }
    if (status != cudaSuccess) return status;
  }
  return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  delete executable;
  return cudaSuccess;
}
