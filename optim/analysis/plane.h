// Planes and lines through the space of θ, and the values of losses on a grid in them.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "optim/analysis/loss.h"
#include "optim/analysis/vectors.h"

namespace dgsam {

/// d = a random direction, filter by filter as long as θ (Li et al., Visualizing the Loss Landscape of Neural Nets,
/// 2018):  d_f = ‖θ_f‖ z_f/‖z_f‖,  z_f standard normal.  A filter is one output of a convolution or of a linear layer.
/// Biases and the parameters of normalisation are left as they are, as in the paper: their part of d is 0. Throws
/// Error when that leaves nothing.
void draw_filter_normalised(const Vectors& vectors, RandomStream random, const FlatVector& theta, FlatVector& d);

/// Coordinates in a plane.
struct PlanePoint {
  double x = 0, y = 0;
};

/// The points origin + x·u + y·v; on a line there is no v, and y is 0. The backend and the first point that made it
/// must outlive a plane.
class Plane {
 public:
  /// Around theta along two random filter-normalised directions: theta is at (0, 0), lengths are relative to its
  /// filters'. The two are not made orthogonal: random directions nearly are.
  static Plane random(Backend& backend, const FlatVector& theta, std::uint64_t seed);
  /// Along the first of these directions alone.
  static Plane random_line(Backend& backend, const FlatVector& theta, std::uint64_t seed);
  /// From a, at x = 0, to b, at x = 1. Throws Error when they are the same point.
  static Plane line(Backend& backend, const FlatVector& a, const FlatVector& b);
  /// Through a, b and c, with the orthonormal axes of Garipov et al. (Loss Surfaces, Mode Connectivity, and Fast
  /// Ensembling of DNNs, 2018): a at (0, 0), b on the x axis, c above it; a length is one in the space of θ. Throws
  /// Error when two are the same point or all lie on one line.
  static Plane through(Backend& backend, const FlatVector& a, const FlatVector& b, const FlatVector& c);

  /// Where the points that made the plane lie, in their order.
  const std::vector<PlanePoint>& points() const { return points_; }
  const Vectors& vectors() const { return vectors_; }
  /// out = the point with these coordinates. At (0, 0) it is the origin to the bit.
  void move_to(PlanePoint at, FlatVector& out) const;

 private:
  Plane(Vectors vectors, const FlatVector& origin, FlatVector u, FlatVector v, std::vector<PlanePoint> points);

  Vectors vectors_;
  const FlatVector* origin_;
  FlatVector u_, v_;
  std::vector<PlanePoint> points_;
};

/// Values of one loss: [j][i] at (x[i], y[j]).
using Surface = std::vector<std::vector<double>>;

/// The surface of every loss, each point visited once; a value may be infinite or NaN. `done` is called after each
/// point.
std::vector<Surface> surfaces(const Plane& plane, std::span<const double> x, std::span<const double> y,
                              std::span<Loss* const> losses, const std::function<void()>& done = {});

/// `points` >= 2 equidistant values; the ends are exact, and so is 0 in the middle of an odd number around it.
std::vector<double> grid_axis(double low, double high, int points);

}  // namespace dgsam
