// What only the CPU backend promises: its memory, labels that are checked, and results that do not depend on the number
// of threads.
#include "engine/cpu/cpu_backend.h"

#include <algorithm>
#include <cstdint>

#include "engine/make_backend.h"
#include "tests/ops/ops.h"

namespace dgsam::test {
namespace {

/// Results of one call of every operation that sums, on a backend with so many threads.
std::vector<Array> sums_with(int threads, DType dtype, Layout layout) {
  CpuBackend backend({threads});
  Tensors tensors(backend);
  const DType master = master_of(dtype);
  const Shape image{2, 50, 45, 32};
  const Type vector{master, {32}};
  const Tensor x = tensors.make(random_array(image, dtype, 1), dtype, layout), y = tensors.make(x.type);
  const Tensor dy = tensors.make(random_array(image, dtype, 2), dtype, layout), dx = tensors.make(x.type);
  const Tensor gamma = tensors.make(random_array({32}, master, 3), master), statistics = tensors.make({master, {2, 4}});
  const Tensor mean = tensors.make(vector), invstd = tensors.make(vector), running = tensors.make(vector);
  const Tensor invstd4 = tensors.make(statistics.type), counters = tensors.make(Array({kStepCounters}), DType::i64);
  const Tensor dgamma = tensors.make(vector), dbeta = tensors.make(vector), pooled = tensors.make({dtype, {2, 32}});
  const Tensor w = tensors.make(random_array({32, 3, 3, 32}, dtype, 4), dtype), dw = tensors.make({master, w.shape()});
  const Tensor norm = tensors.make({DType::f64, {}});
  std::vector<Array> results;
  const auto keep = [&](std::initializer_list<Tensor> outputs) {
    for (const Tensor& output : outputs) results.push_back(tensors.read(output));
  };
  backend.bias_relu_grad(dy, {}, x, y, dbeta);
  keep({y, dbeta});
  backend.batch_norm(x, gamma, gamma, running, running, counters, y, mean, invstd,
                     {.running = RunningStatistics::never});
  keep({y, mean, invstd});
  backend.batch_norm_grad(x, gamma, mean, invstd, dy, dx, dgamma, dbeta);
  keep({dx, dgamma, dbeta});
  backend.group_norm(x, gamma, gamma, y, statistics, invstd4, 4, 1e-5);
  keep({y, statistics, invstd4});
  backend.group_norm_grad(x, gamma, statistics, invstd4, dy, dx, dgamma, dbeta, 4);
  keep({dx, dgamma, dbeta});
  backend.global_avg_pool(x, pooled);
  keep({pooled});
  backend.conv2d(x, w, {}, {}, y, {1, 1, false});
  backend.conv2d_data_grad(dy, w, dx, {1, 1, false});
  backend.conv2d_weight_grad(x, dy, dw, {1, 1, false});
  keep({y, dx, dw});
  if (dtype == master) {
    const Tensor flat{x.data, {dtype, {x.elements()}}};
    backend.norm(flat, norm);
    keep({norm});
    backend.dot_product(flat, {dy.data, flat.type}, norm);
    keep({norm});
  }
  return results;
}

}  // namespace

TEST_CASE("no bit of a result depends on the number of threads") {
  for (const DType dtype : {DType::f32, DType::f64, DType::bf16}) {
    for (const Layout layout : {Layout::dense, Layout::blocked16}) {
      const std::vector<Array> one = sums_with(1, dtype, layout);
      for (const int threads : {2, 3}) {
        const std::vector<Array> many = sums_with(threads, dtype, layout);
        REQUIRE(many.size() == one.size());
        for (std::size_t i = 0; i < one.size(); ++i) {
          CAPTURE(i);
          CHECK(many[i].values == one[i].values);
        }
      }
    }
  }
}

TEST_CASE("memory is zero, aligned, counted, and given back") {
  CpuBackend backend({1});
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{1000}, std::size_t{3} << 20}) {
    const std::int64_t before = backend.allocations();
    {
      const Buffer buffer(backend, bytes);
      const auto* content = static_cast<const unsigned char*>(buffer.data());
      CHECK(reinterpret_cast<std::uintptr_t>(content) % 64 == 0);
      CHECK(std::count(content, content + bytes, 0) == static_cast<std::ptrdiff_t>(bytes));
      CHECK(backend.bytes_allocated() == bytes);
      CHECK(backend.allocations() == before + 1);
    }
    CHECK(backend.bytes_allocated() == 0);
  }
  Buffer large(backend, std::size_t{5} << 20);
  CHECK(reinterpret_cast<std::uintptr_t>(large.data()) % (std::size_t{2} << 20) == 0);
}

TEST_CASE("running out of memory is an error that says how much was asked for") {
  CpuBackend backend({1});
  const std::size_t too_much = std::size_t{1} << 60;
  CHECK_THROWS_WITH_AS(Buffer(backend, too_much),
                       "out of memory: 1099511627776 MiB asked for with 0 MiB in use; take a smaller batch or image",
                       Error);
}

TEST_CASE("the second call of an operation allocates nothing") {
  CpuBackend backend({2});
  Tensors tensors(backend);
  const Tensor x = tensors.make(random_array({2, 20, 20, 16}, DType::f32, 1), DType::f32), y = tensors.make(x.type);
  const Tensor w = tensors.make(random_array({16, 3, 3, 16}, DType::f32, 2), DType::f32), dw = tensors.make(w.type);
  const Tensor db = tensors.make({DType::f32, {16}});
  std::int64_t allocations = 0;
  for (int call = 0; call < 2; ++call) {
    backend.conv2d(x, w, {}, {}, y, {1, 1, true});
    backend.conv2d_data_grad(y, w, x, {1, 1, false});
    backend.conv2d_weight_grad(x, y, dw, {1, 1, false});
    backend.bias_relu_grad(x, {}, {}, {}, db);
    if (call == 0) allocations = backend.allocations();
  }
  CHECK(backend.allocations() == allocations);
}

TEST_CASE("a label that is no class is refused, with the image it belongs to") {
  CpuBackend backend({1});
  Tensors tensors(backend);
  Array labels({2});
  labels[1] = 3;
  CHECK_THROWS_WITH_AS(
      backend.softmax_cross_entropy(tensors.make(Array({2, 3}), DType::f32), tensors.make(labels, DType::i32),
                                    tensors.make({DType::f32, {}}), tensors.make({DType::f32, {2, 3}})),
      "softmax_cross_entropy: label 3 of image 1 is not one of the 3 classes", Error);
}

TEST_CASE("make_backend knows its devices and names the remedy otherwise") {
  CHECK(make_backend("cpu", {.threads = 1, .onednn = false})->name() == "cpu (1 threads)");
  CHECK_THROWS_WITH_AS(make_backend("gpu"), "unknown device \"gpu\"; use auto, cpu or cuda", Error);
  CHECK_THROWS_AS(make_backend("cpu", {.threads = -1}), Error);
}

}  // namespace dgsam::test
