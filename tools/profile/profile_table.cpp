#include "tools/profile/profile_table.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <utility>
#include <vector>

#include "engine/core/check.h"

namespace dgsam {
namespace {

/// Sums over nodes, per run of the program.
struct Row {
  std::string name;
  int nodes = 0;
  double seconds = 0, flops = 0, bytes = 0;

  void add(const NodeProfile& profile) {
    ++nodes;
    seconds += profile.seconds / profile.runs;
    flops += profile.flops / profile.runs;
    bytes += profile.bytes / profile.runs;
  }
};

double peak_gflops(const MachinePeaks& peaks, DType activation) {
  if (activation == DType::f64) return peaks.f64_gflops;
  return activation == DType::bf16 && peaks.bf16_gflops > 0 ? peaks.bf16_gflops : peaks.f32_gflops;
}

std::string text(const char* format, double value) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, format, value);
  return buffer;
}

/// A rate in 1e9/s and its share of the peak; dashes where there is nothing to rate.
std::string rate(double work, double seconds, double peak) {
  if (work == 0 || seconds == 0) return "        -      -";
  const double billions = work / seconds * 1e-9;
  return text("%9.1f", billions) + (peak > 0 ? text("%6.0f%%", 100 * billions / peak) : "      -");
}

std::string line(const Row& row, std::size_t width, const Row& total, double peak, double copy) {
  std::string name = row.name;
  name.resize(width, ' ');
  return name + text("%6.0f", row.nodes) + text("%12.3f", 1e3 * row.seconds) +
         text("%7.1f%%", total.seconds > 0 ? 100 * row.seconds / total.seconds : 0) +
         rate(row.flops, row.seconds, peak) + rate(row.bytes, row.seconds, copy) + "\n";
}

}  // namespace

std::string profile_table(const Program& program, const MachinePeaks& peaks, ProfileRows rows) {
  const std::vector<Node>& nodes = program.graph().nodes();
  require(!nodes.empty() && program.profile().front().runs > 0,
          "this program has no profile: it was never run with "
          "profiling on");
  std::map<std::string, Row> by_name;
  Row total{.name = "total"};
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const std::string name = rows == ProfileRows::operations ? nodes[i].op->name() : nodes[i].label;
    by_name[name].add(program.profile()[i]);
    total.add(program.profile()[i]);
  }
  std::vector<Row> sorted;
  std::size_t width = 10;
  for (auto& [name, row] : by_name) {
    row.name = name;
    width = std::max(width, name.size() + 1);
    sorted.push_back(row);
  }
  std::stable_sort(sorted.begin(), sorted.end(), [](const Row& a, const Row& b) { return a.seconds > b.seconds; });

  const DType activation = program.graph().activation();
  const double peak = peak_gflops(peaks, activation);
  std::string table = "Profile of " + std::to_string(program.profile().front().runs) + " runs on " +
                      std::to_string(peaks.threads) + " threads. Peaks: " + text("%.0f", peak) + " GFLOP/s in " +
                      std::string(name_of(activation)) + ", " + text("%.1f", peaks.copy_gbs) + " GB/s copied.\n";
  std::string head = rows == ProfileRows::operations ? "operation" : "layer";
  head.resize(width, ' ');
  table += head + " nodes  ms per run   share  GFLOP/s   peak     GB/s   copy\n";
  for (const Row& row : sorted) table += line(row, width, total, peak, peaks.copy_gbs);
  return table + line(total, width, total, peak, peaks.copy_gbs);
}

}  // namespace dgsam
