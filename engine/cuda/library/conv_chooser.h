// Which of the libraries' ways to compute a convolution is taken: the fastest one on the operands at hand, once and for
// all runs on this machine.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/cuda/library/conv_algorithm.h"
#include "engine/cuda/library/plan_file.h"

namespace dgsam {

/// A library's algorithms for a problem.
struct ConvLibrary {
  /// The one expected to be fastest first; none if the library does not do the problem.
  std::function<ConvAlgorithms(const ConvProblem&)> all;
  /// The one of this name; null if it has none.
  std::function<std::unique_ptr<ConvAlgorithm>(const ConvProblem&, const std::string&)> named;
};

/// Choosing by measurement may choose differently from machine to machine, and so change the last bits of results; with
/// the file it chooses once per machine. Without measuring, the choice is the libraries' and repeatable without a file.
class ConvChooser {
 public:
  static constexpr std::size_t kMostWorkspace = std::size_t{512} << 20;  ///< a way that needs more is no candidate

  ConvChooser(std::vector<ConvLibrary> libraries, PlanFile plans, bool measure);

  /// Device memory of at least so many bytes.
  using Workspace = std::function<void*(std::size_t)>;
  /// Runs candidates on the operands, whose results are undefined afterwards. Null if no library has an algorithm that
  /// runs. Throws Error while the stream is recorded.
  std::unique_ptr<ConvAlgorithm> choose(const ConvProblem& problem, const Queue& queue, const ConvOperands& operands,
                                        const Workspace& workspace);

 private:
  std::unique_ptr<ConvAlgorithm> named(const ConvProblem& problem, const std::string& name) const;

  std::vector<ConvLibrary> libraries_;
  PlanFile plans_;
  bool measure_;
};

}  // namespace dgsam
