// Gradient check: every operation's gradient against central finite differences of its values, in double.
//
// An operation's output is reduced to a scalar by fixed random weights and a softmax cross-entropy, so that every
// element has a derivative of its own: a gradient that is scaled, transposed, mirrored or shifted by one element is
// seen.
#pragma once

#include <string>
#include <vector>

#include "engine/backend.h"

namespace dgsam {

struct GradcheckRow {
  std::string op;         ///< as in operations.def: "conv2d"
  std::string case_name;  ///< "3x3, stride 2, padding 1, relu"
  int checked = 0;        ///< derivatives compared
  double worst = 0;       ///< the largest error, see relative_error() in gradient_check.h
  std::string worst_at;   ///< where: "w[17]"
};

/// What double precision and four-point differences can tell apart; a row above it is a wrong gradient.
inline constexpr double kGradcheckTolerance = 1e-6;

/// All operations of engine/graph/ops.h that have a gradient, one row a case. Takes about a second with one
/// thread, and not less with more: the operands are small.
std::vector<GradcheckRow> gradcheck(Backend& backend);

/// False when a row is above the tolerance or not a number.
bool passed(const GradcheckRow& row);
/// Aligned columns for a terminal, one line a row, and a line that sums up. Ends in a newline.
std::string gradcheck_table(const std::vector<GradcheckRow>& rows);

}  // namespace dgsam
