// What the numbers say, in sentences without a judgement.
#pragma once

#include <string>
#include <vector>

#include "tools/results/experiments.h"

namespace dgsam {

/// The averages of every method.
std::string headline(const std::vector<FinishedRun>& runs);

/// One method against another over the (trial, unseen domain) pairs that both have.
struct PairedFinding {
  struct Difference {
    double mean = kMissing, low = kMissing, high = kMissing;  // 95 % bootstrap interval, of two pairs or more
    std::size_t pairs = 0;
  };
  std::string name;      // "DGSAM − SAM"
  Difference accuracy;   // on the unseen domain, in points
  Difference sharpness;  // mean over the source domains of their individual one-step sharpness
  double gradients = kMissing, seconds = kMissing;  // ratios of means over the pairs
};

/// DGSAM - SAM, SAM - ERM and DGSAM - ERM, of variants that agree in all other settings; those that have a pair.
std::vector<PairedFinding> paired_findings(const std::vector<FinishedRun>& runs);
std::string sentence_of(const PairedFinding& finding);
/// The differences of two pairs or more, for a terminal, after an empty line; "" without any.
std::string text_findings(const std::vector<FinishedRun>& runs);

/// What must be known before the differences are read: "" or sentences.
std::string findings_caveat(const std::vector<FinishedRun>& runs);

}  // namespace dgsam
