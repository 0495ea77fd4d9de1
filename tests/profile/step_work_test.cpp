#include "tools/profile/step_work.h"

#include <doctest/doctest.h>

#include "engine/make_backend.h"
#include "tests/models/networks.h"

using namespace dgsam;

TEST_CASE("the counted arithmetic of a pass is what the program says") {
  const auto cpu = plain_backend();
  BenchBackend bench(*cpu, {});
  const Network network = build_network(tiny_bottleneck(), 5, small_options(2));
  const double expected = Program(network.graph, *cpu, std::make_shared<Arena>(*cpu)).flops();
  RunningNetwork running(bench, network);
  running.run();
  double flops = 0;
  for (const OperationWork& operation : bench.work()) flops += operation.flops;
  CHECK(flops > 1e6);
  CHECK(flops == expected);
  const std::size_t operations = bench.work().size();
  bench.stop_counting();
  running.run();
  CHECK(bench.work().size() == operations);
}

TEST_CASE("bytes are those of all operands, and the roofline takes the slower of arithmetic and traffic") {
  const auto cpu = plain_backend();
  BenchBackend bench(*cpu, {});
  Buffer memory(bench, 4096);
  const Tensor x{memory.data(), {DType::f32, {1, 4, 4, 2}}}, y{memory.at(1024), {DType::f32, {1, 4, 4, 3}}};
  const Tensor w{memory.at(2048), {DType::f32, {3, 1, 1, 2}}};
  bench.add(x, x, x);
  bench.conv2d(x, w, {}, {}, y, {});
  REQUIRE(bench.work().size() == 2);
  CHECK(bench.work()[0].bytes == 3 * 128);
  CHECK(bench.work()[0].flops == 0);
  CHECK(bench.work()[1].bytes == 128 + 24 + 192);
  CHECK(bench.work()[1].flops == 2 * 48 * 2);
  CHECK(roofline_seconds(bench.work(), {.flops_per_second = 1, .bytes_per_second = 10}) == 38.4 + 192);
  CHECK(roofline_seconds(bench.work(), {.flops_per_second = 1e9, .bytes_per_second = 1}) == 384 + 344);
}

TEST_CASE("a ReLU's gradient reads its mask or its output, not both") {
  const auto cpu = plain_backend();
  BenchBackend bench(*cpu, {});
  Buffer memory(bench, 8192);
  const Type image{DType::f32, {1, 4, 4, 2}};
  const Tensor dy{memory.data(), {DType::f32, {1, 4, 4, 3}}}, w{memory.at(1024), {DType::f32, {3, 1, 1, 2}}};
  const Tensor x{memory.at(2048), image}, dz{memory.at(3072), image}, mask{memory.at(4096), {DType::u8, {16, 16}}};
  bench.conv2d_data_grad_relu(dy, w, {}, x, {}, dz, {}, {});
  bench.conv2d_data_grad_relu(dy, w, {}, x, {mask}, dz, {}, {});
  REQUIRE(bench.work().size() == 2);
  CHECK(bench.work()[0].bytes == 192 + 24 + 128 + 128);
  CHECK(bench.work()[1].bytes == 192 + 24 + 256 + 128);
}

TEST_CASE("images that stay are uploaded once to each address") {
  const auto cpu = plain_backend();
  Buffer memory(*cpu, 8);
  const Tensor a{memory.data(), {DType::f32, {1}}}, b{memory.at(4), {DType::f32, {1}}};
  for (const bool stay : {false, true}) {
    BenchBackend bench(*cpu, {.images_stay = stay});
    for (const float value : {1.0f, 2.0f}) {
      bench.upload_early(a, &value);
      bench.upload_early(b, &value);
    }
    float values[2];
    cpu->download(values, {memory.data(), {DType::f32, {2}}});
    CHECK(values[0] == (stay ? 1 : 2));
    CHECK(values[1] == (stay ? 1 : 2));
  }
}
