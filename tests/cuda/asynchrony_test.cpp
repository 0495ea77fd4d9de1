// Recorded steps, the second stream, early uploads: none of them changes a bit, and none is left out unnoticed.
#include <doctest/doctest.h>

#include "engine/cuda/library/cuda_backend.h"
#include "tests/cuda/step_bits.h"
#include "tests/temporary_folder.h"

using namespace dgsam;

namespace {

/// Steps recorded, on two streams and with early uploads end with the bits of one operation after the other.
void check_bits_of(const char* method) {
  const auto training = [&](Backend& backend) { return NetworkTraining(backend, method); };
  CudaKernelBackend kernels;
  check_step_bits(kernels, training);
  CudaBackend libraries({.plan_cache = "none"});
  check_step_bits(libraries, training);
}

}  // namespace

// A case each, so that they run side by side.
TEST_CASE("steps of ERM recorded, on two streams and with early uploads end with the bits of one after the other") {
  check_bits_of("erm");
}
TEST_CASE("steps of SAM recorded, on two streams and with early uploads end with the bits of one after the other") {
  check_bits_of("sam");
}
TEST_CASE("steps of GSAM recorded, on two streams and with early uploads end with the bits of one after the other") {
  check_bits_of("gsam");
}
TEST_CASE("steps of SAGM recorded, on two streams and with early uploads end with the bits of one after the other") {
  check_bits_of("sagm");
}
TEST_CASE("steps of DISAM recorded, on two streams and with early uploads end with the bits of one after the other") {
  check_bits_of("disam");
}
TEST_CASE("steps of GGA-L recorded, on two streams and with early uploads end with the bits of one after the other") {
  check_bits_of("gga-l");
}
TEST_CASE("steps of DGSAM recorded, on two streams and with early uploads end with the bits of one after the other") {
  check_bits_of("dgsam");
}

TEST_CASE("from the third step on a step is one launch: it allocates nothing and waits for nothing") {
  CudaBackend cuda({.plan_cache = "none"});
  NetworkTraining training(cuda, "dgsam");
  training.step();
  training.step();
  training.method->report();
  const emulated::Device before = emulated::device();
  for (int step = 0; step < 3; ++step) training.step();
  const emulated::Device& after = emulated::device();
  CHECK(after.allocations == before.allocations);
  CHECK(after.waits == before.waits);
  CHECK(after.graphs == before.graphs + 3);
  CHECK(after.launches_by_host - before.launches_by_host == 3 * NetworkTraining::kDomains);  // the images' copies
}

TEST_CASE("a recording knows its kernels, copies and fills, and counts nothing else") {
  CudaKernelBackend cuda;
  Buffer memory(cuda, 64), other(cuda, 64);
  const Tensor x{memory.data(), {DType::f32, {16}}}, y{other.data(), {DType::f32, {16}}};
  const auto recording = cuda.record([&] {
    cuda.fill(x, 2);
    cuda.begin_side();  // events, which are no work
    cuda.zero(y);
    cuda.end_side();
    cuda.join_side();
    cuda.copy(x, y);
  });
  CHECK(recording->launches() == 3);

  NetworkTraining training(cuda, "sam");
  training.step();
  CHECK(training.method->recorded_launches() == 0);
  training.step();
  CHECK(training.method->recorded_launches() > 0);
}

TEST_CASE("scratch memory that is still to come shrinks by what has been taken") {
  CudaBackend cuda({.plan_cache = "none"});
  const std::size_t at_first = cuda.scratch_to_come();
  NetworkTraining training(cuda, "erm");
  const std::size_t used = cuda.bytes_allocated();
  training.step();
  CHECK(cuda.scratch_to_come() < at_first);
  CHECK(at_first - cuda.scratch_to_come() <= cuda.bytes_allocated() - used);
}

TEST_CASE("memory given back ends a recording, and the next steps make another one") {
  CudaKernelBackend cuda;
  NetworkTraining training(cuda, "sam"), other(cuda, "sam");
  for (int step = 0; step < 3; ++step) {
    training.step();
    other.step();
  }
  { const Buffer elsewhere(cuda, 64); }
  const std::int64_t graphs = emulated::device().graphs;
  other.step();
  CHECK(emulated::device().graphs == graphs);
  other.step();
  CHECK(emulated::device().graphs == graphs + 1);
  training.step();
  training.step();
  CHECK(read(cuda, training.theta) == read(cuda, other.theta));
}

TEST_CASE("a recording refuses to be replayed after memory has been given back") {
  CudaKernelBackend cuda;
  Buffer memory(cuda, 64);
  const Tensor x{memory.data(), {DType::f32, {16}}};
  const auto recording = cuda.record([&] { cuda.fill(x, 2); });
  std::vector<float> values(16);
  cuda.download(values.data(), x);
  CHECK(values[3] == 0);  // written down, not done
  recording->replay();
  cuda.download(values.data(), x);
  CHECK(values[3] == 2);
  { const Buffer elsewhere(cuda, 64); }
  CHECK_FALSE(recording->valid());
  CHECK(error_of([&] { recording->replay(); }).find("after memory had been given back") != std::string::npos);
}

TEST_CASE("what may not be recorded is refused, and the device goes on after it") {
  CudaBackend cuda({.plan_cache = "none"});
  Buffer memory(cuda, 64);
  const Tensor x{memory.data(), {DType::f32, {16}}};
  std::vector<float> values(16, 1);
  CHECK(error_of([&] { cuda.record([&] { Buffer(cuda, 64); }); }).find("cudaMalloc") != std::string::npos);
  CHECK(error_of([&] { cuda.record([&] { cuda.upload(x, values.data()); }); }).find("upload") != std::string::npos);
  CHECK(error_of([&] { cuda.record([&] { cuda.synchronize(); }); }).find("waiting") != std::string::npos);
  const Tensor row{memory.data(), {DType::f32, {1, 4}}}, w{memory.at(16), row.type},
      y{memory.at(32), {DType::f32, {1, 1}}};
  CHECK(error_of([&] { cuda.record([&] { cuda.linear(row, w, {}, y); }); }).find("first called while") !=
        std::string::npos);
  cuda.fill(x, 3);
  cuda.download(values.data(), x);
  CHECK(values[0] == 3);
}

TEST_CASE("an early upload waits for the operations before the last release, and the next operations for it") {
  CudaKernelBackend cuda;
  Buffer memory(cuda, 128);
  const Tensor staged{memory.data(), {DType::f32, {16}}}, x{memory.at(64), {DType::f32, {16}}};
  std::vector<float> values(16);
  for (int round = 1; round <= 3; ++round) {
    std::vector<float> host(16, static_cast<float>(round));
    cuda.upload_early(staged, host.data());
    host.assign(16, -1);  // it is free as soon as the call returns
    cuda.copy(staged, x);
    cuda.release_early_uploads();
    cuda.download(values.data(), x);
    CHECK(values == std::vector<float>(16, static_cast<float>(round)));
  }
}

TEST_CASE("work on the side has scratch memory of its own") {
  CudaKernelBackend cuda;
  Buffer memory(cuda, 4096);
  const Tensor x{memory.data(), {DType::f32, {512}}}, main{memory.at(2048), {DType::f64, {}}},
      side{memory.at(3072), {DType::f64, {}}};
  cuda.fill(x, 1);
  cuda.begin_side();
  cuda.norm(x, side);
  cuda.end_side();
  cuda.norm({memory.data(), {DType::f32, {64}}}, main);
  cuda.join_side();
  double norms[2];
  cuda.download(&norms[0], main);
  cuda.download(&norms[1], side);
  CHECK(norms[0] == 8);
  CHECK(norms[1] == std::sqrt(512.0));
}

TEST_CASE("consecutive folds are one launch, unless one needs what another one writes") {
  CudaKernelBackend cuda;
  constexpr std::int64_t kRows = 5, kLength = 12, kMatrix = 256, kVector = 64;
  Buffer memory(cuda, 16 * kMatrix);
  const auto matrix = [&](std::size_t i) {
    return Tensor{memory.at(i * kMatrix), {DType::f32, {kRows, 1, 1, kLength}}};
  };
  const auto vector = [&](std::size_t i) {
    return Tensor{memory.at(8 * kMatrix + i * kVector), {DType::f32, {kRows}}};
  };
  for (std::size_t i = 0; i < 3; ++i)
    cuda.fill({matrix(i).data, {DType::f32, {kRows * kLength}}}, 1.0 + static_cast<double>(i));
  for (std::size_t i = 0; i < 4; ++i) cuda.fill(vector(i), 2);
  const auto fold = [&](std::size_t from, std::size_t to) {
    cuda.fold_batch_norm(matrix(from), vector(0), vector(1), vector(2), vector(3), 0, matrix(to), vector(4 + to));
  };
  const auto launches_of = [&](const auto& work) {
    cuda.synchronize();
    const std::int64_t before = emulated::device().launches;
    work();
    CHECK(emulated::device().launches == before);  // not yet
    cuda.synchronize();
    return emulated::device().launches - before;
  };
  CHECK(launches_of([&] {
          fold(0, 3);
          fold(1, 4);
          fold(2, 5);
        }) == 1);
  std::vector<float> values(kRows * kLength);
  for (std::size_t i = 0; i < 3; ++i) {
    cuda.download(values.data(), matrix(3 + i));
    for (const float value : values) CHECK(value == doctest::Approx(std::sqrt(2.0) * (1.0 + static_cast<double>(i))));
  }
  fold(0, 6);
  const std::int64_t before = emulated::device().launches;
  fold(6, 7);  // of the result
  CHECK(emulated::device().launches == before + 1);
  cuda.download(values.data(), matrix(7));
  CHECK(values[7] == doctest::Approx(2));
}
