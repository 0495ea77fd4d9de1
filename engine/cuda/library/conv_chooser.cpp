#include "engine/cuda/library/conv_chooser.h"

#include <algorithm>
#include <cstdio>
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

void note(const std::string& text) { std::fprintf(stderr, "note: %s\n", text.c_str()); }

}  // namespace

ConvAlgorithms algorithms_of(const ConvLibrary& library, const ConvProblem& problem) try {
  return library.all(problem);
} catch (const Error& error) {
  static_cast<void>(cudaGetLastError());
  note(std::string(error.what()) + "; no algorithm of this library for " + problem.text());
  return {};
}

std::unique_ptr<ConvAlgorithm> algorithm_named(const ConvLibrary& library, const ConvProblem& problem,
                                               const std::string& name) try {
  return library.named(problem, name);
} catch (const Error& error) {
  static_cast<void>(cudaGetLastError());
  note(std::string(error.what()) + "; " + name + " is not used for " + problem.text());
  return nullptr;
}

ConvChooser::ConvChooser(std::vector<ConvLibrary> libraries, PlanFile plans, bool measure, Reference reference,
                         std::chrono::milliseconds patience)
    : libraries_(std::move(libraries)),
      plans_(std::move(plans)),
      measure_(measure),
      reference_(std::move(reference)),
      patience_(patience) {}

std::unique_ptr<ConvAlgorithm> ConvChooser::named(const ConvProblem& problem, const std::string& name) const {
  for (const ConvLibrary& library : libraries_) {
    if (auto algorithm = algorithm_named(library, problem, name)) return algorithm;
  }
  return nullptr;
}

void ConvChooser::strike_off(const ConvProblem& problem, const ConvAlgorithm& algorithm, const std::string& fault) {
  plans_.add_bad(problem.text(), algorithm.name());
  note(algorithm.name() + " for " + problem.text() + ": " + fault + "; it is not used again" +
       (plans_.path().empty() ? "" : ", says " + plans_.path()));
}

bool ConvChooser::works(const ConvProblem& problem, ConvAlgorithm& algorithm, const Queue& queue,
                        const ConvOperands& operands, void* workspace, const ResultSamples* right) {
  if (right) ResultSamples::spoil(problem, queue, operands);
  TryOut seen = try_out(algorithm, queue, operands, workspace, patience_);
  if (seen.fault.empty() && right) seen.fault = ResultSamples(problem, queue, operands).difference_from(*right);
  if (seen.fault.empty()) return true;
  strike_off(problem, algorithm, seen.fault);
  require(!seen.device_lost, "CUDA: ", algorithm.name(), " for ", problem.text(), ": ", seen.fault,
          ". This process cannot use the device any more. ",
          plans_.path().empty() ? "Give DGSAM_PLAN_CACHE=FILE, where it is remembered, or --conv-choice heuristic"
                                : "Start it again: that algorithm is left out then, says " + plans_.path());
  return false;
}

std::unique_ptr<ConvAlgorithm> ConvChooser::fastest(const ConvProblem& problem, ConvAlgorithms candidates,
                                                    const Queue& queue, const ConvOperands& operands, void* workspace,
                                                    double& microseconds) {
  std::vector<double> times(candidates.size(), std::numeric_limits<double>::infinity());
  TimedEvent start, end;
  for (int round = 0; round < kRounds; ++round) {
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      if (!candidates[i]) continue;
      try {
        start.record(queue.stream);
        for (int run = 0; run < kRunsPerRound; ++run) candidates[i]->run(queue, operands, workspace);
        end.record(queue.stream);
        times[i] = std::min(times[i], end.microseconds_since(start) / kRunsPerRound);
      } catch (const Error& error) {
        static_cast<void>(cudaGetLastError());
        strike_off(problem, *candidates[i], error.what());
        check_cuda(cudaStreamSynchronize(queue.stream), candidates[i]->name(), " for ", problem.text());
        candidates[i] = nullptr;
        times[i] = std::numeric_limits<double>::infinity();
      }
    }
  }
  const auto best = std::ranges::min_element(times);
  if (best == times.end()) return nullptr;
  microseconds = *best;
  return std::move(candidates[static_cast<std::size_t>(best - times.begin())]);
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
    auto algorithm = named(problem, *known);
    if (algorithm && works(problem, *algorithm, queue, operands, workspace(algorithm->workspace_bytes()), nullptr)) {
      return algorithm;
    }
  }
  ConvAlgorithms candidates;
  std::size_t bytes = 0;
  for (const ConvLibrary& library : libraries_) {
    for (auto& algorithm : algorithms_of(library, problem)) {
      if (algorithm->workspace_bytes() > kMostWorkspace || plans_.is_bad(text, algorithm->name())) continue;
      bytes = std::max(bytes, algorithm->workspace_bytes());
      candidates.push_back(std::move(algorithm));
    }
  }
  if (candidates.empty()) return nullptr;
  std::optional<ResultSamples> right;
  if (reference_) {
    reference_(problem, operands);
    right.emplace(problem, queue, operands);
  }
  void* const memory = workspace(bytes);
  const auto good = [&](const std::unique_ptr<ConvAlgorithm>& candidate) {
    return works(problem, *candidate, queue, operands, memory, right ? &*right : nullptr);
  };
  if (!measure_) {
    const auto first = std::ranges::find_if(candidates, good);
    return first == candidates.end() ? nullptr : std::move(*first);
  }
  std::erase_if(candidates, [&](const auto& candidate) { return !good(candidate); });  // also what warms them up
  double microseconds = 0;
  auto best = fastest(problem, std::move(candidates), queue, operands, memory, microseconds);
  if (!best) return nullptr;
  // Another program on this machine may have been faster: both shall compute the same bits.
  const std::optional<std::string> meanwhile = plans_.find(text);
  if (meanwhile && meanwhile != known) {
    if (auto algorithm = named(problem, *meanwhile)) return algorithm;
  }
  plans_.add(text, best->name(), microseconds);
  return best;
}

}  // namespace dgsam
