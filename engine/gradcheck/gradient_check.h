// The machinery of the gradient check: a small graph with values for its operands, and the comparison.
#pragma once

#include <string>
#include <vector>

#include "engine/gradcheck/gradcheck.h"
#include "engine/graph/ops.h"
#include "engine/graph/program.h"

namespace dgsam {

/// How the elements of an operand are drawn. Differences must not step over a kink or a tie.
enum class Draw : std::uint8_t {
  normal,          ///< standard normal
  weights,         ///< normal with variance 1/(elements per output channel)
  positive,        ///< uniform in [0.5, 1.5)
  away_from_zero,  ///< normal, at least 0.1 from zero: for ReLU
  spread,          ///< a shuffled arithmetic sequence from -2 to 2, no two alike: for max pooling
};

/// A graph in double with dense images whose operands have values. Operands are drawn from (name, shape) alone.
class CheckedGraph {
 public:
  Graph& graph() { return graph_; }
  /// An operand that is differentiated.
  Value parameter(const std::string& name, const Shape& shape, Draw draw = Draw::normal);
  /// One that is not.
  Value constant(const std::string& name, const Shape& shape, Draw draw = Draw::normal);
  /// i32[rows], all of 0..classes-1.
  Value labels(std::int64_t rows, std::int64_t classes);
  /// i64[kStepCounters].
  Value counters();
  /// A scalar with another derivative for every element of y, an image or a matrix:
  /// softmax_cross_entropy(sum over all but n of weights[m, ...] · y[n, ...]) for three m.
  Value reduce(Value y);

 private:
  friend GradcheckRow check_gradients(Backend&, CheckedGraph, Value, int);

  Graph graph_{DType::f64, Layout::dense};
  std::vector<std::vector<double>> parameters_;  ///< values, in the order of graph.parameters()
  std::vector<std::vector<std::byte>> inputs_;   ///< in the order of graph.inputs()
};

/// |a - n| / max(|a|, |n|, scale). With `scale` a thousandth of the largest derivative, so that the rounding noise in a
/// derivative that vanishes is not taken for an error.
double relative_error(double analytic, double numeric, double scale);

/// Appends gradients and the rewrites of fuse.h, and compares at most `samples` derivatives of each parameter, drawn
/// with a fixed seed. Fills in `checked`, `worst` and `worst_at`. Throws Error when all derivatives vanish.
GradcheckRow check_gradients(Backend& backend, CheckedGraph checked, Value loss, int samples = 100);

/// The same for a program of one's own (gradients appended, f64, `loss` kept) at theta, whose elements are
/// changed and put back. Each derivative is (8(L(+h) - L(-h)) - (L(+2h) - L(-2h)))/12h, h = `step`.
GradcheckRow compare_with_differences(Backend& backend, Program& program, FlatVector& theta, Bindings bindings,
                                      Value loss, int samples, double step = 1e-4);

}  // namespace dgsam
