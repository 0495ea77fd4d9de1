// A library's algorithm that runs for the first time on this device, when nobody knows whether it works there.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "engine/cuda/library/conv_algorithm.h"

namespace dgsam {

struct TryOut {
  std::string fault = {};    ///< what went wrong; empty if it works
  bool device_lost = false;  ///< nothing more can be computed by this process: the device answers everything with the
                             ///< fault, or does not come to the algorithm's end
};

/// Runs the algorithm and waits for its end, `patience` long at most.
TryOut try_out(ConvAlgorithm& algorithm, const Queue& queue, const ConvOperands& operands, void* workspace,
               std::chrono::milliseconds patience);

/// What lies in a problem's results, at places spread over them: dx, dw or y first, then the bias gradient.
class ResultSamples {
 public:
  /// Makes NaN of the results, so that what is not written shows.
  static void spoil(const ConvProblem& problem, const Queue& queue, const ConvOperands& operands);
  /// Waits for the stream.
  ResultSamples(const ConvProblem& problem, const Queue& queue, const ConvOperands& operands);

  /// What is wrong with these results where `right` is what our own kernels computed; empty if they agree as well as
  /// two orders of a sum do, in the problem's precision, and generously so: this is to find results that are nonsense.
  std::string difference_from(const ResultSamples& right) const;

 private:
  struct Part {
    const char* name;
    std::vector<float> values;
  };
  double tolerance_;  ///< of the values' root mean square
  std::vector<Part> parts_;
};

}  // namespace dgsam
