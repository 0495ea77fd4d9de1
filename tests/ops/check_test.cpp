// The two decorators. That they pass every operation on is proved by the other tests, which run on a CompareBackend
// too.
#include "engine/check/compare_backend.h"
#include "engine/check/trace_backend.h"
#include "engine/cpu/cpu_backend.h"
#include "tests/ops/ops.h"

namespace dgsam::test {
namespace {

/// A backend with two mistakes.
class Wrong final : public CpuBackend {
 public:
  using CpuBackend::CpuBackend;
  void relu(ConstTensor x, Tensor y) override {
    CpuBackend::relu(x, y);
    y.as<float>()[7] += 0.01f;
  }
  void max_pool(ConstTensor x, Tensor y, Tensor winner, const PoolSpec& spec) override {
    CpuBackend::max_pool(x, y, winner, spec);
    winner.as<std::uint8_t>()[0] ^= 1;
  }
};

}  // namespace

TEST_CASE("a trace has one line per operation, with what it reads and what it writes") {
  CpuBackend cpu({1});
  TraceBackend trace(cpu);
  Tensors tensors(trace);
  const Tensor x = tensors.make(Array({1, 5, 4, 3}), DType::f32), w = tensors.make(Array({16, 3, 3, 3}), DType::f32);
  const Tensor y = tensors.make({DType::f32, {1, 5, 4, 16}, Layout::blocked16});
  CHECK(trace.lines().front() == "allocate 240 bytes");
  CHECK(trace.lines()[1] == "upload -> f32[1, 5, 4, 3]");
  trace.clear();
  trace.conv2d(x, w, {}, {}, y, {1, 1, true});
  trace.bias_relu_grad(y, {}, y, y, {});
  trace.fill(x, 1);
  CHECK(trace.lines() == std::vector<std::string>{
                             "conv2d f32[1, 5, 4, 3] f32[16, 3, 3, 3] - - -> f32b[1, 5, 4, 16]",
                             "bias_relu_grad f32b[1, 5, 4, 16] - f32b[1, 5, 4, 16] -> f32b[1, 5, 4, 16] -",
                             "fill -> f32[1, 5, 4, 3]",
                         });
  CHECK(tensors.read(x)[0] == 1);  // it was done, too
  trace.clear();
  CHECK(trace.lines().empty());
}

TEST_CASE("a comparison names the operation whose results differ, and only that one") {
  CpuBackend reference({1});
  Wrong wrong({1});
  CompareBackend compare(wrong, reference);
  Tensors tensors(compare);
  const Tensor x = tensors.make(random_array({2, 4, 4, 3}, DType::f32, 1), DType::f32), y = tensors.make(x.type);
  compare.add(x, x, y);
  CHECK(compare.passed());
  compare.relu(x, y);
  CHECK(!compare.passed());
  CHECK(!compare.worst().at("relu").passed());
  CHECK(compare.worst().at("relu").error == doctest::Approx(0.01).epsilon(0.05));
  CHECK(compare.worst().at("add").error == 0);
  compare.max_pool(x, tensors.make({DType::f32, {2, 2, 2, 3}}), tensors.make({DType::u8, {2, 2, 2, 3}}), {});
  CHECK(!compare.worst().at("max_pool").passed());
  CHECK(compare.report().find("FAILED relu f32[2, 4, 4, 3] -> f32[2, 4, 4, 3]") != std::string::npos);
}

TEST_CASE("a comparison copes with operations in place") {
  CpuBackend one({1}), two({2});
  CompareBackend compare(one, two);
  Tensors tensors(compare);
  const Tensor x = tensors.make(random_array({1000}, DType::f64, 1), DType::f64);
  for (int call = 0; call < 3; ++call) compare.add(x, x, x);
  CHECK(compare.passed());
  CHECK(compare.worst().at("add").calls == 3);
}

}  // namespace dgsam::test
