// dgsam-run landscape: the losses of a network's domains over a plane, or along a path, through its parameters.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "optim/analysis/plane.h"
#include "tools/measure/checkpoint_surface.h"

namespace dgsam {

struct LandscapeOptions {
  std::vector<std::string> checkpoints = {};  ///< one: random directions; two: the path between; three: their plane
  bool path = false;                          ///< of one checkpoint: along the first direction alone
  double range = 1;                           ///< one checkpoint: from -range to range
  double extend = 0.25;                       ///< several: beyond them by this part of their distance
  std::optional<int> points = {};             ///< per axis; between two checkpoints. 21, or 51 on a path
  std::uint64_t seed = 0;                     ///< of the directions
  SurfaceOptions surface = {};
};

struct Landscape {
  /// A checkpoint in it.
  struct Point {
    std::string name;  ///< short, different from the others'
    std::string checkpoint, algorithm;
    std::int64_t step = 0;
    double x = 0, y = 0;
    std::vector<double> losses = {};  ///< there, in the order of the losses below
  };
  struct LossValues {
    std::string name, role;  ///< as CheckpointSurface::NamedLoss
    std::int64_t images = 0;
    Surface values = {};  ///< on a path, one row
  };

  bool plane = true;   ///< or a path, where y is {0}
  bool random = true;  ///< directions, or through checkpoints
  std::vector<double> x = {}, y = {};
  std::string x_label = {}, y_label = {};
  std::vector<Point> points = {};
  std::vector<LossValues> losses = {};
  int classes = 0;
  std::string precision = {};
  std::uint64_t seed = 0;  ///< where random

  /// docs/analysis.md has its fields.
  nlohmann::ordered_json json() const;
  /// A table for a terminal: each loss at the checkpoints, its lowest and its highest value.
  std::string text() const;
};

/// Throws Error as CheckpointSurface does, for checkpoints of other networks or classes, for those that coincide or lie
/// on one line, and for options that make no sense.
Landscape measure_landscape(const LandscapeOptions& options);

/// What json() gave. Throws Error that names the file and what is missing or does not fit.
Landscape read_landscape(const std::string& path);

/// The parts of paths that tell them apart: of several without the first and the last folders that they share, of one
/// the file name.
std::vector<std::string> distinct_names(const std::vector<std::string>& paths);

}  // namespace dgsam
