// Which of the libraries' ways to compute a convolution is taken: the fastest one on the operands at hand, once and for
// all runs on this machine. A way that fails, does not end or computes nonsense is named on stderr, remembered as bad,
// and not taken again.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/cuda/library/conv_algorithm.h"
#include "engine/cuda/library/plan_file.h"
#include "engine/cuda/library/try_out.h"

namespace dgsam {

/// A library's algorithms for a problem.
struct ConvLibrary {
  /// The one expected to be fastest first; none if the library does not do the problem.
  std::function<ConvAlgorithms(const ConvProblem&)> all;
  /// The one of this name; null if it has none.
  std::function<std::unique_ptr<ConvAlgorithm>(const ConvProblem&, const std::string&)> named;
};

/// library.all() and named(), where a failure, whatever it is, is the answer "none", with a note on stderr.
ConvAlgorithms algorithms_of(const ConvLibrary& library, const ConvProblem& problem);
std::unique_ptr<ConvAlgorithm> algorithm_named(const ConvLibrary& library, const ConvProblem& problem,
                                               const std::string& name);

/// Choosing by measurement may choose differently from machine to machine, and so change the last bits of results; with
/// the file it chooses once per machine. Without measuring, the choice is the libraries' and repeatable without a file.
class ConvChooser {
 public:
  static constexpr std::size_t kMostWorkspace = std::size_t{512} << 20;  ///< a way that needs more is no candidate

  /// Computes a problem's results from its operands by other means than the libraries: what candidates' are held
  /// against.
  using Reference = std::function<void(const ConvProblem&, const ConvOperands&)>;
  /// `patience`: how long an algorithm may take when it is first run.
  ConvChooser(std::vector<ConvLibrary> libraries, PlanFile plans, bool measure, Reference reference = {},
              std::chrono::milliseconds patience = std::chrono::seconds(10));

  /// Device memory of at least so many bytes.
  using Workspace = std::function<void*(std::size_t)>;
  /// Runs candidates on the operands, whose results are undefined afterwards, and waits for each one. Null if no
  /// library has an algorithm that works. Throws Error while the stream is recorded, and, naming algorithm and problem,
  /// when one has taken the device with it.
  std::unique_ptr<ConvAlgorithm> choose(const ConvProblem& problem, const Queue& queue, const ConvOperands& operands,
                                        const Workspace& workspace);

  /// Says and remembers that an algorithm does not work; it is not chosen again.
  void strike_off(const ConvProblem& problem, const ConvAlgorithm& algorithm, const std::string& fault);

 private:
  std::unique_ptr<ConvAlgorithm> named(const ConvProblem& problem, const std::string& name) const;
  /// Whether it works; if `right` is there, also whether its results are right. Else it is struck off.
  bool works(const ConvProblem& problem, ConvAlgorithm& algorithm, const Queue& queue, const ConvOperands& operands,
             void* workspace, const ResultSamples* right);
  /// Of the candidates, all of which work, the fastest one; null if none runs to the end of its measurement.
  std::unique_ptr<ConvAlgorithm> fastest(const ConvProblem& problem, ConvAlgorithms candidates, const Queue& queue,
                                         const ConvOperands& operands, void* workspace, double& microseconds);

  std::vector<ConvLibrary> libraries_;
  PlanFile plans_;
  bool measure_;
  Reference reference_;
  std::chrono::milliseconds patience_;
};

}  // namespace dgsam
