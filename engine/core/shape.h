// Shapes: up to four extents, outermost first. Images are N,H,W,C; convolution weights K,R,S,C.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>

namespace dgsam {

class Shape {
 public:
  Shape() = default;  ///< a scalar: rank 0, one element
  Shape(std::initializer_list<std::int64_t> extents);

  int rank() const { return rank_; }
  std::int64_t operator[](int axis) const { return extents_[static_cast<std::size_t>(axis)]; }
  /// The innermost extent: channels of an image, features of a matrix. 1 for a scalar.
  std::int64_t last() const { return rank_ == 0 ? 1 : extents_[static_cast<std::size_t>(rank_ - 1)]; }
  std::int64_t elements() const;
  /// "[32, 56, 56, 64]"
  std::string text() const;

  bool operator==(const Shape&) const = default;

 private:
  std::array<std::int64_t, 4> extents_{};
  int rank_ = 0;
};

}  // namespace dgsam
