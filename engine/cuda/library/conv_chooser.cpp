#include "engine/cuda/library/conv_chooser.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

namespace dgsam {
namespace {

constexpr int kRounds = 5;        // every candidate runs in each; its best one counts
constexpr int kRunsPerRound = 3;  // in a row, so that the device waits for nothing

/// A point in a stream's work, with the time at which it was reached.
class TimedEvent {
 public:
  TimedEvent() { check_cuda(cudaEventCreate(&event_), "cudaEventCreate"); }
  ~TimedEvent() { static_cast<void>(cudaEventDestroy(event_)); }
  TimedEvent(const TimedEvent&) = delete;
  TimedEvent& operator=(const TimedEvent&) = delete;

  void record(cudaStream_t stream) { check_cuda(cudaEventRecord(event_, stream), "cudaEventRecord"); }
  double microseconds_since(const TimedEvent& start) const {
    check_cuda(cudaEventSynchronize(event_), "cudaEventSynchronize");
    float milliseconds = 0;
    check_cuda(cudaEventElapsedTime(&milliseconds, start.event_, event_), "cudaEventElapsedTime");
    return 1e3 * static_cast<double>(milliseconds);
  }

 private:
  cudaEvent_t event_ = nullptr;
};

struct Candidate {
  std::unique_ptr<ConvAlgorithm> algorithm;
  double microseconds = std::numeric_limits<double>::infinity();
};

/// Whether the algorithm runs to its end; some that libraries offer do not.
bool runs(ConvAlgorithm& algorithm, const Queue& queue, const ConvOperands& operands, void* workspace) {
  try {
    algorithm.run(queue, operands, workspace);
    return true;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

ConvChooser::ConvChooser(std::vector<ConvLibrary> libraries, PlanFile plans, bool measure)
    : libraries_(std::move(libraries)), plans_(std::move(plans)), measure_(measure) {}

std::unique_ptr<ConvAlgorithm> ConvChooser::named(const ConvProblem& problem, const std::string& name) const {
  for (const ConvLibrary& library : libraries_) {
    if (auto algorithm = library.named(problem, name)) return algorithm;
  }
  return nullptr;
}

std::unique_ptr<ConvAlgorithm> ConvChooser::choose(const ConvProblem& problem, const Queue& queue,
                                                   const ConvOperands& operands, const Workspace& workspace) {
  const std::string text = problem.text();
  cudaStreamCaptureStatus capture{};
  check_cuda(cudaStreamIsCapturing(queue.stream, &capture), "cudaStreamIsCapturing");
  require(capture == cudaStreamCaptureStatusNone, text, ": first called while operations are recorded, where nothing ",
          "can be measured; call them once before");
  std::optional<std::string> known;
  if (measure_ && (known = plans_.find(text))) {
    if (auto algorithm = named(problem, *known)) return algorithm;
  }
  std::vector<Candidate> candidates;
  std::size_t bytes = 0;
  for (const ConvLibrary& library : libraries_) {
    for (auto& algorithm : library.all(problem)) {
      if (algorithm->workspace_bytes() > kMostWorkspace) continue;
      bytes = std::max(bytes, algorithm->workspace_bytes());
      candidates.push_back({std::move(algorithm)});
    }
  }
  void* const memory = workspace(bytes);
  if (!measure_) {
    for (Candidate& candidate : candidates) {
      if (runs(*candidate.algorithm, queue, operands, memory)) return std::move(candidate.algorithm);
    }
    return nullptr;
  }
  std::erase_if(candidates, [&](const Candidate& candidate) {  // also what warms them up
    return !runs(*candidate.algorithm, queue, operands, memory);
  });
  if (candidates.empty()) return nullptr;
  TimedEvent start, end;
  for (int round = 0; round < kRounds; ++round) {
    for (Candidate& candidate : candidates) {
      start.record(queue.stream);
      for (int i = 0; i < kRunsPerRound; ++i) candidate.algorithm->run(queue, operands, memory);
      end.record(queue.stream);
      candidate.microseconds = std::min(candidate.microseconds, end.microseconds_since(start) / kRunsPerRound);
    }
  }
  // Another program on this machine may have been faster: both shall compute the same bits.
  const std::optional<std::string> meanwhile = plans_.find(text);
  if (meanwhile && meanwhile != known) {
    if (auto algorithm = named(problem, *meanwhile)) return algorithm;
  }
  Candidate& best = *std::ranges::min_element(candidates, {}, &Candidate::microseconds);
  plans_.add(text, best.algorithm->name(), best.microseconds);
  return std::move(best.algorithm);
}

}  // namespace dgsam
