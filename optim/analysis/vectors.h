// Arithmetic with flat vectors, on their backend.
#pragma once

#include "engine/backend.h"
#include "engine/core/flat_vector.h"
#include "engine/core/rng.h"

namespace dgsam {

class Vectors {
 public:
  /// For vectors of `like`'s layout and type. The backend must outlive this object.
  Vectors(Backend& backend, const FlatVector& like);

  Backend& backend() const { return *backend_; }
  /// A vector of zeros.
  FlatVector make() const { return {*backend_, zeros_.shared_layout(), zeros_.dtype()}; }

  double norm(const FlatVector& x) const;
  /// ⟨x,y⟩.
  double dot(const FlatVector& x, const FlatVector& y) const;
  /// y += alpha x
  void add(double alpha, const FlatVector& x, FlatVector& y) const;
  /// x *= alpha
  void scale(double alpha, FlatVector& x) const;
  void copy(const FlatVector& from, FlatVector& to) const;

  /// x is uniform over the directions, of length 1.
  void draw_direction(RandomStream random, FlatVector& x) const;
  /// Every parameter is +1/√P or -1/√P (Rademacher), P of them: length 1 too.
  void draw_signs(RandomStream random, FlatVector& x) const;

 private:
  /// Uploads draw() for every parameter; the gaps stay zero.
  template <class Draw>
  void fill(FlatVector& x, const Draw& draw) const;

  /// What an operation wrote into scalar_.
  double downloaded() const;
  Tensor scalar() const { return {scalar_.data(), {DType::f64, {}, Layout::dense}}; }

  Backend* backend_;
  FlatVector zeros_;
  mutable Buffer scalar_;  ///< what a sum is written to on its way to the host
};

}  // namespace dgsam
