// Where a program's time goes, against what the machine can do.
#pragma once

#include <cstdint>
#include <string>

#include "engine/graph/program.h"
#include "tools/profile/peaks.h"

namespace dgsam {

/// What makes a row: all nodes of an operation ("conv2d"), or all nodes of a layer ("layer1.0.conv1").
enum class ProfileRows : std::uint8_t { operations, layers };

/// The program's profile() as a table for a terminal, the longest time first, with a line for the total. Times are per
/// profiled run. GFLOP/s are held against the peak of the graph's activation type, GB/s (operands read and written once
/// each) against a copy's; operands that are still in a cache come in faster than that. Ends in a newline.
/// Throws Error when the program was never run with profiling on.
std::string profile_table(const Program& program, const MachinePeaks& peaks,
                          ProfileRows rows = ProfileRows::operations);

}  // namespace dgsam
