// The table of an ablation as a picture.
#pragma once

#include <string>

#include "tools/lab/collect/collect_tables.h"

namespace dgsam {

/// A self-contained SVG, light or dark as the reader has it: for each setting but the first (the default) its paired
/// differences in accuracy and in sharpness, a dot with a line over the 95 % interval. `table` is of ablation_table().
std::string ablation_figure(const ResultTable& table);

}  // namespace dgsam
