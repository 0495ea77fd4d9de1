// All parameters as one vector: a norm, an ascent step or an Adam update is one operation over one address range.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/core/buffer.h"
#include "engine/core/tensor.h"

namespace dgsam {

/// Where each named tensor lies in a flat vector. θ, its gradient, Adam's m and v share one layout.
/// Segments start at multiples of kAlignment elements; the gaps hold zeros in every vector, always (no
/// operation of ours turns zeros into anything else), so reductions may run over the whole range.
class FlatLayout {
 public:
  struct Segment {
    std::string name;
    Shape shape;
    std::int64_t offset = 0;  ///< in elements
  };
  static constexpr std::int64_t kAlignment = 32;

  /// Appends a segment and returns its index. Throws when the name is taken.
  int add(std::string name, const Shape& shape);

  const std::vector<Segment>& segments() const { return segments_; }
  /// The segment of that name, or nullptr.
  const Segment* find(const std::string& name) const;
  /// Elements including the gaps: the length of the vector.
  std::int64_t elements() const { return elements_; }
  /// Elements of the segments alone: "number of parameters".
  std::int64_t parameters() const;

  bool operator==(const FlatLayout& other) const;

 private:
  std::vector<Segment> segments_;
  std::int64_t elements_ = 0;
};

/// A buffer with a FlatLayout, f32 or f64, zero-filled at first. Move-only.
class FlatVector {
 public:
  FlatVector() = default;
  FlatVector(Allocator& allocator, std::shared_ptr<const FlatLayout> layout, DType dtype);

  const FlatLayout& layout() const { return *layout_; }
  const std::shared_ptr<const FlatLayout>& shared_layout() const { return layout_; }
  DType dtype() const { return dtype_; }
  void* data() { return buffer_.data(); }
  const void* data() const { return buffer_.data(); }
  std::size_t bytes() const { return buffer_.bytes(); }
  /// The whole vector as one rank-1 tensor, gaps included.
  Tensor all() { return {buffer_.data(), type()}; }
  ConstTensor all() const { return {buffer_.data(), type()}; }
  /// One segment under its own shape.
  Tensor segment(int index) { return segment(segment_at(index)); }
  ConstTensor segment(int index) const { return segment(segment_at(index)); }
  Tensor segment(const FlatLayout::Segment& segment) { return {buffer_.at(offset(segment)), type_of(segment)}; }
  ConstTensor segment(const FlatLayout::Segment& segment) const {
    return {buffer_.at(offset(segment)), type_of(segment)};
  }

 private:
  Type type() const { return {dtype_, {layout_->elements()}, Layout::dense}; }
  Type type_of(const FlatLayout::Segment& segment) const { return {dtype_, segment.shape, Layout::dense}; }
  const FlatLayout::Segment& segment_at(int index) const {
    return layout_->segments()[static_cast<std::size_t>(index)];
  }
  std::size_t offset(const FlatLayout::Segment& segment) const {  ///< in bytes
    return static_cast<std::size_t>(segment.offset) * size_of(dtype_);
  }

  Buffer buffer_;
  std::shared_ptr<const FlatLayout> layout_;
  DType dtype_ = DType::f32;
};

}  // namespace dgsam
