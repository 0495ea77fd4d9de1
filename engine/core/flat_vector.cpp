#include "engine/core/flat_vector.h"

#include <utility>

namespace dgsam {

int FlatLayout::add(std::string name, const Shape& shape) {
  require(find(name) == nullptr, "two parameters are named ", name);
  segments_.push_back({std::move(name), shape, elements_});
  elements_ += (shape.elements() + kAlignment - 1) / kAlignment * kAlignment;
  return static_cast<int>(segments_.size()) - 1;
}

const FlatLayout::Segment* FlatLayout::find(const std::string& name) const {
  for (const Segment& segment : segments_) {
    if (segment.name == name) return &segment;
  }
  return nullptr;
}

std::int64_t FlatLayout::parameters() const {
  std::int64_t count = 0;
  for (const Segment& segment : segments_) count += segment.shape.elements();
  return count;
}

bool FlatLayout::operator==(const FlatLayout& other) const {
  if (segments_.size() != other.segments_.size()) return false;
  for (std::size_t i = 0; i < segments_.size(); ++i) {
    if (segments_[i].name != other.segments_[i].name || segments_[i].shape != other.segments_[i].shape) return false;
  }
  return true;
}

FlatVector::FlatVector(Allocator& allocator, std::shared_ptr<const FlatLayout> layout, DType dtype)
    : buffer_(allocator, static_cast<std::size_t>(layout->elements()) * size_of(dtype)),
      layout_(std::move(layout)),
      dtype_(dtype) {
  require(dtype == DType::f32 || dtype == DType::f64, "a flat vector holds f32 or f64, not ", name_of(dtype));
}

}  // namespace dgsam
