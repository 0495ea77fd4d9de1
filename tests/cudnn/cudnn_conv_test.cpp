// cuDNN plans every convolution of a ResNet-50 for an H100, without one: heuristics and plans need only the device's
// properties, h100-deviceprop.json, as cuDNN writes them.
#include "engine/cuda/library/cudnn_conv.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>

#include "engine/check/intercept.h"
#include "engine/cpu/make_cpu_backend.h"
#include "models/network.h"
#include "tests/temporary_folder.h"

/// AddressSanitizer asks: no search for leaks at the end. cuDNN and cuBLASLt keep what they load until then, and have
/// unloaded the code that could be named as the exception.
extern "C" const char* __asan_default_options() { return "detect_leaks=0"; }

namespace dgsam {
namespace {

const CudnnContext& h100() {
  static const CudnnContext context(read_bytes(DGSAM_SOURCE_DIR "/tests/cudnn/h100-deviceprop.json"));
  return context;
}

/// Writes down the convolutions that it is asked for, and does nothing.
class ConvRecorder final : public InterceptingBackend {
 public:
  using InterceptingBackend::InterceptingBackend;

  std::map<std::string, ConvProblem> problems;  ///< by their text

  void conv2d(ConstTensor x, ConstTensor w, ConstTensor b, ConstTensor z, Tensor y, const Conv2dSpec& spec) override {
    add({ConvOp::forward, x.type, w.type, y.type, spec, bool(b), bool(z)});
  }
  void conv2d_data_grad(ConstTensor dy, ConstTensor w, Tensor dx, const Conv2dSpec& spec) override {
    add({ConvOp::data_grad, dx.type, w.type, dy.type, spec});
  }
  void conv2d_weight_grad(ConstTensor x, ConstTensor dy, Tensor dw, const Conv2dSpec& spec) override {
    add({ConvOp::weight_grad, x.type, dw.type, dy.type, spec});
  }

 private:
  void intercept(const Call&) override {}
  void add(const ConvProblem& problem) { problems.emplace(problem.text(), problem); }
};

/// Every distinct convolution of a training pass of ResNet-50 at batch 32, forward and backward.
std::vector<ConvProblem> resnet50_problems(DType activation, BatchNormMode batch_norm, bool tf32 = false) {
  NetworkOptions options;
  options.activation = activation;
  options.batch_norm = batch_norm;
  const Network network = build_network(resnet50(), 7, options);
  const std::unique_ptr<Backend> inner = make_cpu_backend({}, false);
  ConvRecorder recorder(*inner);
  int somewhere = 0;
  const auto tensors = [&](const std::vector<Value>& values) {
    std::vector<Tensor> result;
    for (const Value value : values) result.push_back(value ? Tensor{&somewhere, network.graph.type(value)} : Tensor{});
    return result;
  };
  for (const Node& node : network.graph.nodes()) {
    if (!node.op->name().starts_with("conv2d")) continue;
    const std::vector<Tensor> in = tensors(node.in);
    node.op->run(recorder, std::vector<ConstTensor>(in.begin(), in.end()), tensors(node.out));
  }
  std::vector<ConvProblem> problems;
  for (auto& [text, problem] : recorder.problems) {
    problem.tf32 = tf32;
    problems.push_back(problem);
  }
  return problems;
}

ConvProblem small_problem(DType dtype) {
  return {ConvOp::forward, {dtype, {2, 9, 9, 8}}, {dtype, {16, 3, 3, 8}}, {dtype, {2, 9, 9, 16}}, {1, 1, true}, true};
}

std::vector<std::string> names_of(const ConvProblem& problem) {
  std::vector<std::string> names;
  for (const auto& algorithm : cudnn_algorithms(h100(), problem, CudnnKernels::compiled)) {
    names.push_back(algorithm->name());
  }
  return names;
}

void check_all_have_compiled_kernels(const std::vector<ConvProblem>& problems) {
  for (const ConvProblem& problem : problems) {
    CAPTURE(problem.text());
    const ConvAlgorithms algorithms = cudnn_algorithms(h100(), problem, CudnnKernels::compiled);
    CHECK(!algorithms.empty());
    std::set<std::string> names;
    for (const auto& algorithm : algorithms) {
      CHECK(names.insert(algorithm->name()).second);
      CHECK(algorithm->workspace_bytes() <= kCudnnWorkspace);
      const auto again = cudnn_algorithm(h100(), problem, algorithm->name());
      REQUIRE(again != nullptr);
      CHECK(again->name() == algorithm->name());
      CHECK(again->workspace_bytes() == algorithm->workspace_bytes());
    }
  }
}

TEST_CASE("ResNet-50 has the convolutions that the plans below are for") {
  std::set<std::string> shapes;
  std::map<ConvOp, int> problems;
  for (ConvProblem problem : resnet50_problems(DType::f32, BatchNormMode::frozen)) {
    ++problems[problem.op];
    if (problem.op != ConvOp::forward) continue;
    problem.spec.relu = problem.bias = problem.residual = false;
    shapes.insert(problem.text());
  }
  CHECK(shapes.size() == 23);
  CHECK(problems[ConvOp::forward] == 24);  // one shape stands both on a shortcut and at the end of a block
  CHECK(problems[ConvOp::weight_grad] == 23);
  CHECK(problems[ConvOp::data_grad] == 22);  // the images need no gradient
}

TEST_CASE("Every convolution of ResNet-50 with folded batch norm has a compiled kernel that its name rebuilds: f32") {
  check_all_have_compiled_kernels(resnet50_problems(DType::f32, BatchNormMode::frozen));
}

TEST_CASE("Every convolution of ResNet-50 with folded batch norm has a compiled kernel that its name rebuilds: TF32") {
  check_all_have_compiled_kernels(resnet50_problems(DType::f32, BatchNormMode::frozen, true));
}

TEST_CASE("Every convolution of ResNet-50 with folded batch norm has a compiled kernel that its name rebuilds: bf16") {
  check_all_have_compiled_kernels(resnet50_problems(DType::bf16, BatchNormMode::frozen));
}

TEST_CASE("Every convolution of ResNet-50 with batch statistics has a compiled kernel that its name rebuilds: bf16") {
  check_all_have_compiled_kernels(resnet50_problems(DType::bf16, BatchNormMode::batch));
}

TEST_CASE("f32 leaves out the engines that round to TF32, also by name") {
  ConvProblem exact = small_problem(DType::f32), rounded = exact;
  rounded.tf32 = true;
  const std::vector<std::string> few = names_of(exact), all = names_of(rounded);
  REQUIRE(!few.empty());
  CHECK(few.size() < all.size());
  for (const std::string& name : all) {
    const bool allowed = std::find(few.begin(), few.end(), name) != few.end();
    CHECK((cudnn_algorithm(h100(), exact, name) != nullptr) == allowed);
  }
}

TEST_CASE("Channel counts that fit no vector have compiled kernels too") {
  for (const DType dtype : {DType::f32, DType::bf16}) {
    ConvProblem odd = small_problem(dtype);
    odd.x.shape = {1, 9, 7, 5};
    odd.w.shape = {3, 3, 3, 5};
    odd.y.shape = {1, 9, 7, 3};
    CHECK(!names_of(odd).empty());
    odd.bias = odd.spec.relu = false;
    odd.op = ConvOp::data_grad;
    CHECK(!names_of(odd).empty());
    odd.op = ConvOp::weight_grad;
    CHECK(!names_of(odd).empty());
  }
}

TEST_CASE("A cast has room in the workspace for the operand that it makes") {
  ConvProblem problem = small_problem(DType::bf16);
  problem.op = ConvOp::weight_grad;
  problem.bias = problem.spec.relu = false;
  problem.w.dtype = DType::f32;
  const ConvAlgorithms algorithms = cudnn_algorithms(h100(), problem, CudnnKernels::compiled);
  REQUIRE(!algorithms.empty());
  for (const auto& algorithm : algorithms) {
    CHECK(algorithm->name().starts_with("cudnn:cast:"));
    CHECK(algorithm->workspace_bytes() >= 16 * 3 * 3 * 8 * 2);
  }
}

TEST_CASE("What cuDNN has no compiled kernel for gives an empty list") {
  ConvProblem problem = small_problem(DType::bf16);
  problem.bias = false;  // a ReLU alone
  CHECK(names_of(problem).empty());
}

TEST_CASE("Names that are none, or another problem's, build nothing") {
  const ConvProblem problem = small_problem(DType::f32);
  for (const char* name : {"", "cudnn", "cudnn:direct:", "cudnn:direct:x:", "cudnn:direct:-1:", "cudnn:direct:9999:",
                           "cudnn:direct:11:99999=1", "cudnn:direct:11:2=123456789", "cublaslt:1:2=3",
                           "cudnn:direct:11: ", "cudnn:cast:11:"}) {
    CAPTURE(name);
    CHECK(cudnn_algorithm(h100(), problem, name) == nullptr);
  }
}

TEST_CASE("Errors name the call, what cuDNN says and the problem") {
  ConvProblem problem = small_problem(DType::f32);
  const auto planning = [&] { return error_of([&] { cudnn_algorithms(h100(), problem); }); };
  problem.w.shape = {16, 3, 3, 7};
  CHECK(planning().find("cuDNN: cudnnBackendFinalize") == 0);
  CHECK(planning().find("CUDNN_STATUS_BAD_PARAM") != std::string::npos);
  CHECK(planning().find(", for forward x f32[2, 9, 9, 8] w f32[16, 3, 3, 7] y") != std::string::npos);
  problem = small_problem(DType::f64);
  CHECK(planning().find("cuDNN: f32 and bf16 convolutions only, not of f64[2, 9, 9, 8]") == 0);
  problem = small_problem(DType::f32);
  problem.y.dtype = DType::bf16;
  CHECK(planning().find("are not of one type") != std::string::npos);
  problem = small_problem(DType::f32);
  problem.op = ConvOp::data_grad;
  CHECK(planning().find("cuDNN: a gradient has neither bias nor residual nor ReLU") == 0);
  CHECK(error_of([] { CudnnContext("no JSON"); }).find("cuDNN: cudnnBackend") == 0);
}

TEST_CASE("An algorithm planned without a device says so when it is run, and refuses bad addresses first") {
  const ConvProblem problem = small_problem(DType::f32);
  const ConvAlgorithms algorithms = cudnn_algorithms(h100(), problem, CudnnKernels::compiled);
  REQUIRE(!algorithms.empty());
  alignas(16) char memory[16];
  ConvOperands operands{.x = memory, .w = memory, .result = memory, .bias = memory};
  const auto running = [&] { return error_of([&] { algorithms[0]->run({}, operands, memory); }); };
  CHECK(running().find("cuDNN: an algorithm that was planned without a device cannot run, cudnn:direct:") == 0);
  CHECK(running().find(" for forward x f32[2, 9, 9, 8]") != std::string::npos);
  operands.bias = memory + 4;
  CHECK(running().find(": the bias is at 0x") != std::string::npos);
  operands.x = nullptr;
  CHECK(running().find(": x is at 0") != std::string::npos);
}

TEST_CASE("A problem's text tells problems apart") {
  ConvProblem problem = small_problem(DType::f32);
  CHECK(problem.text() ==
        "forward x f32[2, 9, 9, 8] w f32[16, 3, 3, 8] y f32[2, 9, 9, 16] stride 1 padding 1 bias relu");
  std::set<std::string> texts{problem.text()};
  for (const auto& change : std::vector<void (*)(ConvProblem&)>{
           [](ConvProblem& p) { p.op = ConvOp::data_grad; }, [](ConvProblem& p) { p.bias = false; },
           [](ConvProblem& p) { p.residual = true; }, [](ConvProblem& p) { p.tf32 = true; },
           [](ConvProblem& p) { p.spec.stride = 2; }, [](ConvProblem& p) { p.spec.padding = 0; },
           [](ConvProblem& p) { p.spec.relu = false; }, [](ConvProblem& p) { p.x.dtype = DType::bf16; }}) {
    ConvProblem other = problem;
    change(other);
    CHECK(texts.insert(other.text()).second);
  }
}

}  // namespace
}  // namespace dgsam
