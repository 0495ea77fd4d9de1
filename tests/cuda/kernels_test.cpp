// What the tests of single operations do not reach: the kernels' two paths, their independence of the order of threads,
// memory, and errors. What every operation computes is tested by tests/ops/, which this program runs on the kernels
// too.
#include "engine/cpu/cpu_backend.h"
#include "engine/cuda/cuda_kernel_backend.h"
#include "engine/cuda/make_cuda_backend.h"
#include "tests/ops/ops.h"

namespace dgsam::test {
namespace {

using emulated::Order;

/// The tensor of `count` elements that starts `skip` elements into `x`.
Tensor part(Tensor x, std::int64_t skip, std::int64_t count) {
  return {static_cast<std::byte*>(x.data) + static_cast<std::size_t>(skip) * size_of(x.dtype()), {x.dtype(), {count}}};
}

/// Results of one call of every operation that sums, with blocks and threads in this order.
std::vector<Array> sums_in(Order order, DType dtype) {
  const emulated::InOrder scope(order);
  CudaKernelBackend backend;
  Tensors tensors(backend);
  const DType master = master_of(dtype);
  const Shape image{2, 29, 31, 40};
  const Type vector{master, {40}};
  const Tensor x = tensors.make(random_array(image, dtype, 1), dtype), y = tensors.make(x.type);
  const Tensor dy = tensors.make(random_array(image, dtype, 2), dtype), dx = tensors.make(x.type);
  const Tensor gamma = tensors.make(random_array({40}, master, 3), master), statistics = tensors.make({master, {2, 5}});
  const Tensor mean = tensors.make(vector), invstd = tensors.make(vector), running = tensors.make(gamma.type);
  const Tensor invstd5 = tensors.make(statistics.type), counters = tensors.make(Array({kStepCounters}), DType::i64);
  const Tensor dgamma = tensors.make(vector), dbeta = tensors.make(vector), pooled = tensors.make({dtype, {2, 40}});
  const Tensor w = tensors.make(random_array({40, 3, 3, 8}, master, 4), master), dw = tensors.make(w.type);
  const Tensor var = tensors.make(Array({40}, 0.5), master), norm = tensors.make({DType::f64, {}});
  const Tensor logits = tensors.make(random_array({9, 70}, dtype, 5), dtype), p = tensors.make({master, {9, 70}});
  const Tensor labels = tensors.make(Array({9}, 3), DType::i32), loss = tensors.make({master, {}});
  const Tensor winner = tensors.make({DType::u8, {2, 15, 16, 40}}), small = tensors.make({dtype, {2, 15, 16, 40}});
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
  backend.group_norm(x, gamma, gamma, y, statistics, invstd5, 5, 1e-5);
  keep({y, statistics, invstd5});
  backend.group_norm_grad(x, gamma, statistics, invstd5, dy, dx, dgamma, dbeta, 5);
  keep({dx, dgamma, dbeta});
  backend.fold_batch_norm_grad(w, gamma, mean, var, 1e-5, w, gamma, dw, dgamma, dbeta);
  keep({dw, dgamma});
  backend.global_avg_pool(x, pooled);
  keep({pooled});
  backend.max_pool(x, small, winner, {});
  backend.max_pool_grad(small, winner, dx, {});
  keep({small, winner, dx});
  backend.softmax_cross_entropy(logits, labels, loss, p);
  keep({loss, p});
  backend.norm(part(w, 0, w.elements()), norm);
  keep({norm});
  return results;
}

}  // namespace

TEST_CASE("no bit of a sum depends on the order of blocks and threads") {
  for (const DType dtype : {DType::f32, DType::f64, DType::bf16}) {
    const std::vector<Array> forward = sums_in(Order::forward, dtype);
    for (const Order order : {Order::reversed, Order::shuffled}) {
      const std::vector<Array> other = sums_in(order, dtype);
      for (std::size_t i = 0; i < forward.size(); ++i) {
        CAPTURE(i);
        CHECK(std::isfinite(forward[i].values[0]));
        CHECK(other[i].values == forward[i].values);
      }
    }
  }
}

TEST_CASE("addresses off the 128-bit grid give the bits that addresses on it give, over several grid passes") {
  CudaKernelBackend backend;
  for (const DType dtype : {DType::f32, DType::f64, DType::bf16}) {
    const std::int64_t length = 40003;  // the emulated device takes 16 blocks of 256 threads at once
    const Array a = random_array({length + 1}, dtype, 1), b = random_array({length + 1}, dtype, 2);
    Array shifted_a({length}), shifted_b({length});
    for (std::int64_t i = 0; i < length; ++i) {
      shifted_a[i] = a[i + 1];
      shifted_b[i] = b[i + 1];
    }
    Tensors tensors(backend);
    const Tensor off_a = part(tensors.make(a, dtype), 1, length), off_b = part(tensors.make(b, dtype), 1, length);
    const Tensor on_a = tensors.make(shifted_a, dtype), on_b = tensors.make(shifted_b, dtype);
    const Tensor on_y = tensors.make(on_a.type), off_y = part(tensors.make({dtype, {length + 1}}), 1, length);
    const auto same = [&] { return tensors.read(on_y).values == tensors.read(off_y).values; };
    backend.add(on_a, on_b, on_y);
    backend.add(off_a, off_b, off_y);
    CHECK(same());
    backend.bias_relu_grad({on_a.data, {dtype, {1, length}}}, {}, {on_b.data, {dtype, {1, length}}},
                           {on_y.data, {dtype, {1, length}}}, {});
    backend.bias_relu_grad({off_a.data, {dtype, {1, length}}}, {}, {off_b.data, {dtype, {1, length}}},
                           {off_y.data, {dtype, {1, length}}}, {});
    CHECK(same());
    const Tensor counters = tensors.make(Array({kStepCounters}, 3), DType::i64);
    backend.dropout(on_a, counters, on_y, {});
    backend.dropout(off_a, counters, off_y, {});
    CHECK(same());
    if (dtype == DType::bf16) continue;
    const Tensor norm = tensors.make({DType::f64, {}}), again = tensors.make({DType::f64, {}});
    backend.norm(on_a, norm);
    backend.norm(off_a, again);
    CHECK(tensors.read(norm)[0] == doctest::Approx(tensors.read(again)[0]).epsilon(1e-14));
    backend.ascend(on_a, on_b, norm, 0.05, 1e-12, on_y);
    backend.ascend(off_a, off_b, norm, 0.05, 1e-12, off_y);
    CHECK(same());
    const Tensor dot = tensors.make({DType::f64, {}});
    backend.dot_product(on_a, on_b, dot);
    backend.dot_product(off_a, off_b, again);
    CHECK(tensors.read(dot)[0] == doctest::Approx(tensors.read(again)[0]).epsilon(1e-12));
    backend.reject(on_a, on_b, dot, norm, on_y);
    backend.reject(off_a, off_b, dot, norm, off_y);
    CHECK(same());
    backend.add_scaled(0.5, dot, on_a, on_y);
    backend.add_scaled(0.5, dot, off_a, off_y);
    CHECK(same());
    backend.multiply(on_b, on_y);
    backend.multiply(off_b, off_y);
    CHECK(same());
    backend.fill_normal(counters, 8, on_y);
    backend.fill_normal(counters, 8, off_y);
    CHECK(same());
  }
}

TEST_CASE("images of odd shapes give the CPU's results: one image, three channels, channels that fill no vectors") {
  CudaKernelBackend cuda;
  CpuBackend cpu({1});
  CompareBackend compare(cuda, cpu);
  for (const DType dtype : {DType::f32, DType::f64, DType::bf16}) {
    for (const Shape& shape : {Shape{1, 7, 7, 3}, {1, 7, 7, 2048}, {3, 7, 7, 30}, {1, 1, 1, 7}, {5, 2, 300, 12}}) {
      Tensors tensors(compare);
      const DType master = master_of(dtype);
      const Type vector{master, {shape[3]}};
      const Tensor x = tensors.make(random_array(shape, dtype, 1), dtype), y = tensors.make(x.type);
      const Tensor dy = tensors.make(random_array(shape, dtype, 2), dtype), dx = tensors.make(x.type);
      const Tensor pooled = tensors.make({dtype, {shape[0], shape[3]}}), db = tensors.make(vector);
      const Tensor dgamma = tensors.make(vector), mean = tensors.make(vector), invstd = tensors.make(vector);
      const Tensor gamma = tensors.make(random_array({shape[3]}, master, 3), master);
      const Tensor running = tensors.make(gamma.type), running_var = tensors.make(gamma.type);
      const Tensor counters = tensors.make(Array({kStepCounters}), DType::i64);
      const Shape out{shape[0], (shape[1] - 1) / 2 + 1, (shape[2] - 1) / 2 + 1, shape[3]};
      const Tensor small = tensors.make({dtype, out}), winner = tensors.make({DType::u8, out});
      compare.relu(x, y);
      compare.bias_relu_grad(dy, x, y, dx, db);
      compare.global_avg_pool(x, pooled);
      compare.global_avg_pool_grad(pooled, dx);
      compare.max_pool(x, small, winner, {});
      compare.max_pool_grad(small, winner, dx, {});
      compare.fill(running, 0);
      compare.fill(running_var, 1);
      if (shape.elements() / shape[3] > 4) {
        compare.batch_norm(x, gamma, gamma, running, running_var, counters, y, mean, invstd, {});
        compare.batch_norm_grad(x, gamma, mean, invstd, dy, dx, dgamma, db);
      }
    }
  }
  const std::string report = compare.report();
  INFO(report);
  CHECK(compare.passed());
}

TEST_CASE("a label that is no class makes the loss NaN, which stops a run") {
  CudaKernelBackend backend;
  Tensors tensors(backend);
  for (const double label : {-1.0, 3.0}) {
    Array labels({2});
    labels[1] = label;
    const Tensor loss = tensors.make(Array(Shape{}, 0), DType::f32);
    backend.softmax_cross_entropy(tensors.make(Array({2, 3}), DType::f32), tensors.make(labels, DType::i32), loss,
                                  tensors.make({DType::f32, {2, 3}}));
    CHECK(std::isnan(tensors.read(loss)[0]));
  }
}

TEST_CASE("an upload larger than the staging buffers arrives whole, and blocked images are refused") {
  CudaKernelBackend backend;
  Tensors tensors(backend);
  const Array large = random_array({3 * (1 << 20) + 5}, DType::f32, 1);
  CHECK(tensors.read(tensors.make(large, DType::f32)).values == large.values);
  const Tensor blocked = tensors.make({DType::f32, {1, 2, 2, 16}, Layout::blocked16});
  CHECK_THROWS_WITH_AS(backend.bias_relu_grad(blocked, {}, {}, {}, {}),
                       "bias_relu_grad: dy is f32b[1, 2, 2, 16], expected a dense image [N,H,W,C] or a matrix", Error);
}

TEST_CASE("memory is zero and counted, repeated calls allocate nothing, and running out is an error with numbers") {
  const std::size_t of_others = emulated::device().allocated;
  CudaKernelBackend backend;
  {
    const Buffer buffer(backend, 1000);
    CHECK(static_cast<const unsigned char*>(buffer.data())[999] == 0);
    CHECK(backend.bytes_allocated() == 1000);
  }
  CHECK(backend.bytes_allocated() == 0);
  Tensors tensors(backend);
  const Tensor x = tensors.make(random_array({2, 20, 20, 16}, DType::f32, 1), DType::f32);
  const Tensor db = tensors.make({DType::f32, {16}}), norm = tensors.make({DType::f64, {}});
  backend.bias_relu_grad(x, {}, {}, {}, db);
  const std::int64_t before = backend.allocations();
  backend.bias_relu_grad(x, {}, {}, {}, db);
  backend.norm(part(x, 0, x.elements()), norm);
  CHECK(backend.allocations() == before);
  const std::size_t used = backend.bytes_allocated();
  CHECK(emulated::device().allocated == of_others + used);
  const std::string text = "out of device memory: 8192 MiB asked for with 0 MiB in use and 4095 MiB free";
  try {
    const Buffer buffer(backend, std::size_t{8} << 30);
    FAIL("8 GiB of 4");
  } catch (const Error& error) {
    CHECK(std::string(error.what()).find(text) == 0);
  }
  CHECK(backend.bytes_allocated() == used);
}

TEST_CASE("a machine without a usable GPU gets one clear line") {
  emulated::device().count = 0;
  CHECK(cuda_problem() == "no usable GPU: no CUDA-capable device is detected");
  CHECK_THROWS_WITH_AS(make_cuda_backend(),
                       "device cuda: no usable GPU: no CUDA-capable device is detected; use --device cpu", Error);
  emulated::device().count = 1;
  emulated::device().major = 7;
  CHECK(cuda_problem() == "emulated has compute capability 7.0, 8.0 or later is needed");
  emulated::device().major = 9;
  CHECK(cuda_problem() == "");
  CHECK(make_cuda_backend()->name() == "cuda (emulated, cuDNN 9.19.0, cuBLASLt 13.1.0)");
}

}  // namespace dgsam::test
