#include "engine/core/tensor.h"

#include <doctest/doctest.h>

#include <cstdlib>

#include "engine/core/flat_vector.h"

namespace dgsam {
namespace {

class Heap : public Allocator {
 public:
  void* allocate(std::size_t bytes) override {
    ++live;
    return std::calloc(1, bytes);
  }
  void deallocate(void* address, std::size_t) noexcept override {
    --live;
    std::free(address);
  }
  int live = 0;
};

}  // namespace

TEST_CASE("a type says its elements, bytes and name") {
  const Type type{DType::bf16, {2, 3, 4, 16}, Layout::blocked16};
  CHECK(type.elements() == 384);
  CHECK(type.bytes() == 768);
  CHECK(type.text() == "bf16b[2, 3, 4, 16]");
  CHECK(Type{}.elements() == 1);
  CHECK(Type{}.text() == "f32[]");
}

TEST_CASE("reading a tensor as another element type is refused") {
  float value = 1;
  const Tensor tensor{&value, {DType::f32, {1}}};
  CHECK(tensor.as<float>() == &value);
  CHECK_THROWS_WITH_AS(tensor.as<double>(), "a tensor of f32 was read as f64", Error);
}

TEST_CASE("a buffer gives its memory back once") {
  Heap heap;
  {
    Buffer first(heap, 100);
    const Buffer second = std::move(first);
    CHECK(heap.live == 1);
    CHECK(second.bytes() == 100);
    CHECK(first.bytes() == 0);
  }
  CHECK(heap.live == 0);
}

TEST_CASE("flat segments are aligned, found by name, and counted without their gaps") {
  FlatLayout layout;
  CHECK(layout.add("a", {3, 5}) == 0);
  CHECK(layout.add("b", {40}) == 1);
  CHECK(layout.segments()[1].offset == FlatLayout::kAlignment);
  CHECK(layout.elements() == 3 * FlatLayout::kAlignment);
  CHECK(layout.parameters() == 55);
  CHECK(layout.find("b")->shape == Shape{40});
  CHECK(layout.find("c") == nullptr);
  CHECK_THROWS_WITH_AS(layout.add("a", {1}), "two parameters are named a", Error);
}

TEST_CASE("segments of a flat vector lie inside it, which holds f32 or f64 only") {
  Heap heap;
  const auto layout = std::make_shared<FlatLayout>();
  layout->add("a", {2});
  layout->add("b", {2, 2});
  const FlatVector vector(heap, layout, DType::f64);
  CHECK(vector.all().elements() == 64);
  CHECK(vector.segment(1).as<double>() == vector.all().as<double>() + 32);
  CHECK(vector.segment(1).shape() == Shape{2, 2});
  CHECK_THROWS_AS(FlatVector(heap, layout, DType::bf16), Error);
}

}  // namespace dgsam
