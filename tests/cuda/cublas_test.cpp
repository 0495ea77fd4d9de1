// cuBLASLt's algorithms on its emulation: names, fixed bits, TF32, and what the emulation refuses.
#include "engine/cuda/library/conv_kernel_after.h"
#include "engine/cuda/library/cublas_matmul.h"
#include "engine/cuda/library/cuda_backend.h"
#include "engine/cuda/relu.h"
#include "tests/ops/ops.h"

namespace dgsam::test {
namespace {

ConvProblem problem_of(ConvOp op, DType dtype) {
  return {.op = op, .x = {dtype, {2, 3, 5, 24}}, .w = {dtype, {40, 1, 1, 24}}, .y = {dtype, {2, 3, 5, 40}}};
}

/// Operands of a problem, and what is written of them.
struct Operands {
  explicit Operands(Backend& backend, const ConvProblem& problem) : tensors(backend) {
    const auto make = [&](const Type& type, std::uint64_t seed) {
      return tensors.make(random_array(type.shape, type.dtype, seed), type.dtype);
    };
    x = make(problem.x, 1);
    w = make(problem.op == ConvOp::weight_grad ? Type{DType::f32, problem.w.shape} : problem.w, 2);
    y = make(problem.y, 3);
    b = make({DType::f32, {problem.y.shape.last()}}, 4);
    z = make(problem.op == ConvOp::data_grad_relu ? problem.x : problem.y, 5);
    relu = make(problem.x, 6);
    db = tensors.make({DType::f32, {problem.x.shape.last()}});
    mask = tensors.make(relu_mask_type(problem.op == ConvOp::data_grad_relu ? problem.x : problem.y));
    if (problem.op == ConvOp::data_grad_relu) write_relu_mask({Stream().get(), 1}, relu, mask);
    result = problem.op == ConvOp::forward ? y : problem.op == ConvOp::weight_grad ? w : x;
  }
  Array run(ConvAlgorithm& algorithm) {
    const Stream stream;
    const Tensor workspace = tensors.make({DType::u8, {static_cast<std::int64_t>(algorithm.workspace_bytes())}});
    algorithm.run({stream.get(), 1},
                  {.x = x.data,
                   .w = w.data,
                   .y = y.data,
                   .result = result.data,
                   .bias = b.data,
                   .residual = z.data,
                   .written_mask = mask.data,
                   .mask = mask.data,
                   .relu_output = relu.data,
                   .bias_grad = db.data},
                  workspace.data);
    return tensors.read(result);
  }

  Tensors tensors;
  Tensor x, w, y, b, z, relu, db, mask, result;
};

}  // namespace

TEST_CASE("an algorithm that is made again from its name computes the same bits, and one in no fixed order is none") {
  CudaKernelBackend backend;
  const CublasContext context;
  for (const DType dtype : {DType::f32, DType::bf16}) {
    for (const ConvOp op : {ConvOp::forward, ConvOp::data_grad, ConvOp::weight_grad}) {
      ConvProblem problem = problem_of(op, dtype);
      problem.bias = problem.residual = op == ConvOp::forward;
      Operands operands(backend, problem);
      const ConvAlgorithms all = cublas_algorithms(context, problem);
      CHECK(all.size() == 2);  // of the emulation's three
      for (const auto& algorithm : all) {
        const Array result = operands.run(*algorithm);
        const auto again = cublas_algorithm(context, problem, algorithm->name());
        REQUIRE(again);
        CHECK(again->name() == algorithm->name());
        CHECK(again->workspace_bytes() == algorithm->workspace_bytes());
        for (int i = 0; i < 10; ++i) CHECK(operands.run(*again).values == result.values);
      }
    }
  }
}

TEST_CASE(
    "masks and ReLU gradients: the product at once and the product with a kernel behind agree, by their names too") {
  CudaKernelBackend backend;
  const CublasContext context;
  const ConvLibrary at_once{
      [&](const ConvProblem& problem) { return cublas_algorithms(context, problem); },
      [&](const ConvProblem& problem, const std::string& name) { return cublas_algorithm(context, problem, name); }};
  const ConvLibrary kernel_after = with_kernel_after({at_once});
  const auto check = [&](ConvProblem problem) {
    CAPTURE(problem.text());
    Operands operands(backend, problem);
    const auto second = [&](const Array& first) {  // what is written beside the result
      if (problem.op == ConvOp::data_grad_relu) return problem.bias ? operands.tensors.read(operands.db) : Array();
      Array bits(first.shape);
      const Array bytes = operands.tensors.read(operands.mask);
      const std::int64_t channels = first.shape.last(), row_bytes = bytes.shape[1];
      for (std::int64_t i = 0; i < first.shape.elements(); ++i) {
        const auto byte = static_cast<int>(bytes[i / channels * row_bytes + i % channels / 8]);
        bits[i] = byte >> (i % channels % 8) & 1;
      }
      return bits;
    };
    Array expected, expected_second;
    for (const ConvLibrary& library : {at_once, kernel_after}) {
      const ConvAlgorithms all = library.all(problem);
      CHECK(all.size() == 2);
      for (const auto& algorithm : all) {
        const Array result = operands.run(*algorithm), beside = second(result);
        const auto again = library.named(problem, algorithm->name());
        REQUIRE(again);
        CHECK(again->name() == algorithm->name());
        CHECK(operands.run(*again).values == result.values);
        CHECK(second(result).values == beside.values);
        if (expected.values.empty()) {
          expected = result;
          expected_second = beside;
        }
        CHECK(difference(result, expected) <= 2 * tolerance(problem.x.dtype, 40));
        if (problem.op == ConvOp::forward) {
          for (std::int64_t i = 0; i < beside.shape.elements(); ++i) CHECK(beside[i] == (result[i] > 0));
        } else if (problem.bias) {
          CHECK(difference(beside, expected_second) <= 2 * tolerance(problem.x.dtype, 40 * 30));
        }
      }
    }
  };
  for (const DType dtype : {DType::f32, DType::bf16}) {
    for (const bool present : {false, true}) {
      ConvProblem forward = problem_of(ConvOp::forward, dtype), backward = problem_of(ConvOp::data_grad_relu, dtype);
      forward.spec.relu = forward.mask = true;
      forward.bias = forward.residual = present;
      check(forward);
      backward.residual = present;
      for (const bool other : {false, true}) {
        backward.bias = other;
        backward.mask = present != other;
        check(backward);
      }
    }
  }
}

TEST_CASE("the emulation refuses masks that the documentation does not allow") {
  cublasLtHandle_t handle = nullptr;
  cublasLtMatmulDesc_t desc = nullptr;
  cublasLtMatrixLayout_t square = nullptr;
  cublasLtMatmulPreference_t preference = nullptr;
  REQUIRE(cublasLtCreate(&handle) == CUBLAS_STATUS_SUCCESS);
  REQUIRE(cublasLtMatmulDescCreate(&desc, CUBLAS_COMPUTE_32F, CUDA_R_32F) == CUBLAS_STATUS_SUCCESS);
  REQUIRE(cublasLtMatrixLayoutCreate(&square, CUDA_R_32F, 160, 160, 160) == CUBLAS_STATUS_SUCCESS);
  REQUIRE(cublasLtMatmulPreferenceCreate(&preference) == CUBLAS_STATUS_SUCCESS);
  const auto asked = [&](std::uint32_t epilogue, std::int64_t ld) {
    cublasLtMatmulDescSetAttribute(desc, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof epilogue);
    cublasLtMatmulDescSetAttribute(desc, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, &ld, sizeof ld);
    cublasLtMatmulHeuristicResult_t result{};
    int found = 0;
    return cublasLtMatmulAlgoGetHeuristic(handle, desc, square, square, square, square, preference, 1, &result, &found);
  };
  for (const std::uint32_t epilogue : {CUBLASLT_EPILOGUE_RELU_AUX, CUBLASLT_EPILOGUE_RELU_AUX_BIAS,
                                       CUBLASLT_EPILOGUE_DRELU, CUBLASLT_EPILOGUE_DRELU_BGRAD}) {
    CHECK(asked(epilogue, 256) == CUBLAS_STATUS_SUCCESS);
    CHECK(asked(epilogue, 0) == CUBLAS_STATUS_INVALID_VALUE);
    CHECK(asked(epilogue, 128) == CUBLAS_STATUS_INVALID_VALUE);  // below the number of rows
    CHECK(asked(epilogue, 192) == CUBLAS_STATUS_INVALID_VALUE);
  }
  CHECK(asked(8, 256) == CUBLAS_STATUS_NOT_SUPPORTED);
  cublasLtMatmulPreferenceDestroy(preference);
  cublasLtMatrixLayoutDestroy(square);
  cublasLtMatmulDescDestroy(desc);
  cublasLtDestroy(handle);
}

TEST_CASE("names that are no algorithm of the problem give none") {
  const CublasContext context;
  const ConvProblem problem = problem_of(ConvOp::forward, DType::f32);
  const std::string name = cublas_algorithms(context, problem).front()->name();
  const std::string in_place = "cublaslt:e44a7ed.a6040.2.1";
  for (const std::string& wrong :
       {std::string(), std::string("cublaslt:"), std::string("cudnn:1"), name + ".", name + "g",
        "cublaslt:" + std::string(20, 'f'), name + ".0.0.0.0.0.0.0.0", in_place}) {
    CHECK_FALSE(cublas_algorithm(context, problem, wrong));
  }
  CHECK_FALSE(cublas_algorithm(context, problem_of(ConvOp::forward, DType::bf16), name));
  ConvProblem strided = problem;
  strided.spec.stride = 2;
  CHECK_FALSE(cublas_algorithm(context, strided, name));
  CHECK(cublas_algorithms(context, strided).empty());
}

TEST_CASE("factors are rounded to TF32 when that is asked for, and never else") {
  const float fine = 1 + 0x1p-12f;
  for (const bool tf32 : {false, true}) {
    CudaBackend backend({.tf32 = tf32, .measure = false, .plan_cache = "none"});
    Tensors tensors(backend);
    const Tensor x = tensors.make(Array({1, 4}, static_cast<double>(fine)), DType::f32);
    const Tensor y = tensors.make({DType::f32, {1, 4}});
    backend.linear(x, tensors.make(Array({4, 4}, 1), DType::f32), {}, y);
    CHECK(tensors.read(y)[0] == (tf32 ? 4.0 : 4 * static_cast<double>(fine)));
  }
}

TEST_CASE("bf16 with an f32 bias: the bias is rounded, once") {
  CudaBackend backend({.measure = false, .plan_cache = "none"});
  Tensors tensors(backend);
  const Tensor zero = tensors.make(Array({2, 8}, 0), DType::bf16), y = tensors.make({DType::bf16, {2, 5}});
  const Array b = random_array({5}, DType::f32, 1);
  backend.linear(zero, tensors.make(Array({5, 8}, 0), DType::bf16), tensors.make(b, DType::f32), y);
  for (std::int64_t i = 0; i < 10; ++i) CHECK(tensors.read(y)[i] == rounded(b[i % 5], DType::bf16));
}

TEST_CASE("repeated calls allocate nothing and look their algorithm up; handles and descriptors are given back") {
  const std::int64_t before = emulated::cublas().objects;
  {
    CudaBackend backend({.measure = false, .plan_cache = "none"});
    Tensors tensors(backend);
    const Tensor x = tensors.make(random_array({6, 64}, DType::bf16, 1), DType::bf16);
    const Tensor w = tensors.make(random_array({32, 64}, DType::bf16, 2), DType::bf16);
    const Tensor b = tensors.make(Array({32}, 1), DType::f32), y = tensors.make({DType::bf16, {6, 32}});
    const Tensor dw = tensors.make({DType::f32, {32, 64}});
    const auto step = [&] {
      backend.linear(x, w, b, y);
      backend.linear_data_grad(y, w, x);
      backend.linear_weight_grad(x, y, dw);
    };
    step();
    const std::int64_t allocations = backend.allocations(), objects = emulated::cublas().objects;
    const std::int64_t matmuls = emulated::cublas().matmuls;
    step();
    CHECK(backend.allocations() == allocations);
    CHECK(emulated::cublas().objects == objects);
    CHECK(emulated::cublas().matmuls == matmuls + 3);
  }
  CHECK(emulated::cublas().objects == before);
}

TEST_CASE("an operand off the 16-byte grid goes to the kernels, and a failure names the call and the problem") {
  CudaBackend backend({.measure = false, .plan_cache = "none"});
  Tensors tensors(backend);
  const Array values = random_array({2, 8}, DType::f32, 1), w = random_array({4, 8}, DType::f32, 2);
  const Tensor x = tensors.make(values, DType::f32), wt = tensors.make(w, DType::f32);
  const Tensor on = tensors.make({DType::f32, {2, 4}}), room = tensors.make({DType::f32, {9}});
  const Tensor off{room.as<float>() + 1, on.type};
  backend.linear(x, wt, {}, on);
  const std::int64_t matmuls = emulated::cublas().matmuls;
  backend.linear(x, wt, {}, off);
  CHECK(emulated::cublas().matmuls == matmuls);
  CHECK(difference(tensors.read(off), tensors.read(on)) < 1e-6);

  const CublasContext context;
  const ConvProblem problem = problem_of(ConvOp::forward, DType::f32);
  const auto algorithm = std::move(cublas_algorithms(context, problem).front());
  const Stream stream;
  const std::string error = "cuBLASLt: cublasLtMatmul for " + problem.text() +
                            ": an unsupported value or parameter was passed to the function";
  CHECK_THROWS_WITH_AS(algorithm->run({stream.get(), 1}, {.x = x.data, .w = wt.data, .result = on.data}, nullptr),
                       error.c_str(), Error);
}

}  // namespace dgsam::test
