#include <sstream>

#include "engine/core/tensor.h"

namespace dgsam {

std::size_t size_of(DType dtype) {
  switch (dtype) {
    case DType::u8:
      return 1;
    case DType::bf16:
      return 2;
    case DType::f32:
    case DType::i32:
      return 4;
    case DType::f64:
    case DType::i64:
      return 8;
  }
  fail("unknown element type ", static_cast<int>(dtype));
}

std::string_view name_of(DType dtype) {
  switch (dtype) {
    case DType::u8:
      return "u8";
    case DType::bf16:
      return "bf16";
    case DType::f32:
      return "f32";
    case DType::i32:
      return "i32";
    case DType::f64:
      return "f64";
    case DType::i64:
      return "i64";
  }
  fail("unknown element type ", static_cast<int>(dtype));
}

Shape::Shape(std::initializer_list<std::int64_t> extents) {
  require(extents.size() <= 4, "a shape has at most 4 extents, not ", extents.size());
  for (const std::int64_t extent : extents) {
    require(extent >= 0, "a shape has no negative extent (", extent, ")");
    extents_[static_cast<std::size_t>(rank_++)] = extent;
  }
}

std::int64_t Shape::elements() const {
  std::int64_t count = 1;
  for (int axis = 0; axis < rank_; ++axis) count *= (*this)[axis];
  return count;
}

std::string Shape::text() const {
  std::ostringstream out;
  out << '[';
  for (int axis = 0; axis < rank_; ++axis) out << (axis ? ", " : "") << (*this)[axis];
  out << ']';
  return out.str();
}

std::string Type::text() const {
  return std::string(name_of(dtype)) + (layout == Layout::blocked16 ? "b" : "") + shape.text();
}

}  // namespace dgsam
