// dgsam-run average: one checkpoint whose weights are the mean of several runs' (DiWA; model soups).
#pragma once

#include <string>
#include <vector>

#include "tools/train/checkpoint.h"

namespace dgsam {

struct AverageOptions {
  std::vector<std::string> checkpoints;
  std::string out;
  /// Take a checkpoint in only if the average's validation accuracy does not fall; the best ones are asked first.
  bool greedy = false;
  int statistics = 500;  ///< training batches that batch norm's statistics are estimated from, where they were trained
  DataChoice data = {};  ///< for `greedy` and for these batches
  NetworkPlace place = {};
};

struct AveragedCheckpoint {
  std::string path;
  double accuracy = 0;  ///< with AverageOptions::greedy: its own, on the sources' held-out images
  bool taken = true;
};

struct WeightAverage {
  std::vector<AveragedCheckpoint> checkpoints;  ///< in the order in which they were asked
  double accuracy = 0;                          ///< with `greedy`: of the average
  int statistics = 0;                           ///< batches that its statistics were estimated from; 0: averaged, too
};

/// Writes `out`, a checkpoint like those averaged: metadata are the first one's, but for "step", the largest, and
/// "averaged", the list of files. Throws Error that names the file and the difference when the checkpoints do not have
/// one network, data set and unseen domain; with `greedy` also when they do not hold out the same images.
WeightAverage average_checkpoints(const AverageOptions& options);

}  // namespace dgsam
