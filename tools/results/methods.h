// Which runs are repetitions of one method, and what the method is called.
#pragma once

#include <vector>

#include "tools/results/finished_run.h"

namespace dgsam {

/// Sets label and trial of every run and sorts them: methods in the order ERM, SAM and its kin, DGSAM, others; a
/// method's runs by unseen domain and trial. A label is the algorithm in capitals, the settings in which the runs of
/// that algorithm differ, and "+ SWAD" or "+ SMA".
void name_methods(std::vector<FinishedRun>& runs);

/// Label without the algorithm: what two algorithms must share to be compared.
std::string variant_of(const FinishedRun& run);

}  // namespace dgsam
