#include "engine/cpu/onednn_backend.h"

#include <omp.h>

#include <initializer_list>
#include <unordered_map>
#include <utility>

#include "engine/core/operands.h"
#include "engine/cpu/onednn_plan.h"

namespace dgsam {
namespace {

/// FNV-1a over the numbers of a problem.
struct ProblemHash {
  std::size_t operator()(const OneDnnProblem& problem) const {
    std::uint64_t hash = 0xcbf29ce484222325ull;
    const auto mix = [&](auto number) { hash = (hash ^ static_cast<std::uint64_t>(number)) * 0x100000001b3ull; };
    for (const Type* type : {&problem.x, &problem.w, &problem.y}) {
      for (int axis = 0; axis < type->shape.rank(); ++axis) mix(type->shape[axis]);
      mix(type->dtype);
      mix(type->layout);
    }
    mix(problem.op);
    mix(problem.spec.stride);
    mix(problem.spec.padding);
    mix(problem.spec.relu);
    mix(problem.bias);
    mix(problem.residual);
    return static_cast<std::size_t>(hash);
  }
};

[[noreturn]] void fail_as(const OneDnnProblem& problem, const dnnl::error& error) {
  fail(name_of(problem.op), ": oneDNN refused x ", problem.x.text(), ", w ", problem.w.text(), ", y ", problem.y.text(),
       ", stride ", problem.spec.stride, ", padding ", problem.spec.padding, ": ", error.what());
}

class OneDnnBackend final : public CpuBackend {
 public:
  explicit OneDnnBackend(const CpuOptions& options)
      : CpuBackend(options), winograd_(options.winograd), engine_(dnnl::engine::kind::cpu, 0), stream_(engine_) {}

  std::string name() const override {
    const dnnl_version_t* version = dnnl_version();
    return CpuBackend::name() + ", oneDNN " + std::to_string(version->major) + "." + std::to_string(version->minor) +
           "." + std::to_string(version->patch);
  }

  /// oneDNN's kernels for 16 channels at a time need AVX-512; those of older CPUs are best in dense layout.
  Layout preferred_layout(DType dtype) const override {
    constexpr unsigned kAvx512 = dnnl_cpu_isa_avx512_core;
    const bool has_avx512 = (static_cast<unsigned>(dnnl::get_effective_cpu_isa()) & kAvx512) == kAvx512;
    return has_avx512 && has_type(dtype) ? Layout::blocked16 : Layout::dense;
  }

  void conv2d(ConstTensor x, ConstTensor w, ConstTensor b, ConstTensor z, Tensor y, const Conv2dSpec& spec) override {
    const OneDnnProblem problem{Operation::conv2d,   x.type, w.type, y.type, spec, static_cast<bool>(b),
                                static_cast<bool>(z)};
    OneDnnPlan* const plan = plan_of(problem);
    if (!plan) return CpuBackend::conv2d(x, w, b, z, y, spec);
    check_optional("conv2d", "b", b, {DType::f32, {w.shape()[0]}});
    check_optional("conv2d", "z", z, y.type);
    if (plan->residual_in_output) copy(z, y);
    run(problem, *plan,
        {{DNNL_ARG_SRC, x.data},
         {DNNL_ARG_WEIGHTS, w.data},
         {DNNL_ARG_BIAS, b.data},
         {kOneDnnResidual, z.data},
         {DNNL_ARG_DST, y.data}});
  }

  void conv2d_data_grad(ConstTensor dy, ConstTensor w, Tensor dx, const Conv2dSpec& spec) override {
    const OneDnnProblem problem{Operation::conv2d_data_grad, dx.type, w.type, dy.type, spec};
    OneDnnPlan* const plan = plan_of(problem);
    if (!plan) return CpuBackend::conv2d_data_grad(dy, w, dx, spec);
    run(problem, *plan, {{DNNL_ARG_DIFF_DST, dy.data}, {DNNL_ARG_WEIGHTS, w.data}, {DNNL_ARG_DIFF_SRC, dx.data}});
  }

  void conv2d_weight_grad(ConstTensor x, ConstTensor dy, Tensor dw, const Conv2dSpec& spec) override {
    const OneDnnProblem problem{Operation::conv2d_weight_grad, x.type, dw.type, dy.type, spec};
    OneDnnPlan* const plan = plan_of(problem);
    if (!plan) return CpuBackend::conv2d_weight_grad(x, dy, dw, spec);
    run(problem, *plan, {{DNNL_ARG_SRC, x.data}, {DNNL_ARG_DIFF_DST, dy.data}, {DNNL_ARG_DIFF_WEIGHTS, dw.data}});
  }

  void linear(ConstTensor x, ConstTensor w, ConstTensor b, Tensor y) override {
    const OneDnnProblem problem{Operation::linear, x.type, w.type, y.type, {}, static_cast<bool>(b)};
    OneDnnPlan* const plan = plan_of(problem);
    if (!plan) return CpuBackend::linear(x, w, b, y);
    check_optional("linear", "b", b, {DType::f32, {w.shape()[0]}});
    run(problem, *plan,
        {{DNNL_ARG_SRC, x.data}, {DNNL_ARG_WEIGHTS, w.data}, {DNNL_ARG_BIAS, b.data}, {DNNL_ARG_DST, y.data}});
  }

  void linear_data_grad(ConstTensor dy, ConstTensor w, Tensor dx) override {
    const OneDnnProblem problem{Operation::linear_data_grad, dx.type, w.type, dy.type};
    OneDnnPlan* const plan = plan_of(problem);
    if (!plan) return CpuBackend::linear_data_grad(dy, w, dx);
    run(problem, *plan, {{DNNL_ARG_SRC, dy.data}, {DNNL_ARG_WEIGHTS, w.data}, {DNNL_ARG_DST, dx.data}});
  }

  void linear_weight_grad(ConstTensor x, ConstTensor dy, Tensor dw) override {
    const OneDnnProblem problem{Operation::linear_weight_grad, x.type, dw.type, dy.type};
    OneDnnPlan* const plan = plan_of(problem);
    if (!plan) return CpuBackend::linear_weight_grad(x, dy, dw);
    run(problem, *plan, {{DNNL_ARG_SRC, dy.data}, {DNNL_ARG_WEIGHTS, x.data}, {DNNL_ARG_DST, dw.data}});
  }

 private:
  static bool has_type(DType dtype) { return dtype == DType::f32 || dtype == DType::bf16; }

  /// Types and ranks that oneDNN can be asked about; the rest is CpuBackend's to compute or to refuse.
  static bool is_ours(const OneDnnProblem& problem) {
    const bool is_matrix = problem.op >= Operation::linear;
    const bool is_weight_grad =
        problem.op == Operation::conv2d_weight_grad || problem.op == Operation::linear_weight_grad;
    const int rank = is_matrix ? 2 : 4;
    return has_type(problem.x.dtype) && problem.y.dtype == problem.x.dtype &&
           problem.w.dtype == (is_weight_grad ? DType::f32 : problem.x.dtype) && problem.x.shape.rank() == rank &&
           problem.y.shape.rank() == rank && problem.w.shape.rank() == rank && problem.w.layout == Layout::dense;
  }

  /// Null where CpuBackend has to do it.
  OneDnnPlan* plan_of(const OneDnnProblem& problem) {
    if (!is_ours(problem)) return nullptr;
    omp_set_num_threads(threads());
    auto found = plans_.find(problem);
    if (found == plans_.end()) {
      try {
        found = plans_.emplace(problem, plan_onednn(engine_, problem, winograd_)).first;
      } catch (const dnnl::error& error) {
        // oneDNN 2 throws where shapes disagree, oneDNN 3 has no code for them. CpuBackend says what is wrong.
        if (error.status != dnnl_invalid_arguments) fail_as(problem, error);
        found = plans_.emplace(problem, OneDnnPlan{}).first;
      }
    }
    return found->second.call ? &found->second : nullptr;
  }

  void run(const OneDnnProblem& problem, OneDnnPlan& plan,
           std::initializer_list<std::pair<int, const void*>> addresses) {
    try {
      plan.call->run(stream_, scratch(plan.call->scratch_bytes()), addresses);
    } catch (const dnnl::error& error) {
      fail_as(problem, error);
    }
  }

  bool winograd_;
  dnnl::engine engine_;
  dnnl::stream stream_;
  std::unordered_map<OneDnnProblem, OneDnnPlan, ProblemHash> plans_;
};

}  // namespace

std::unique_ptr<Backend> make_onednn_backend(const CpuOptions& options) {
  return std::make_unique<OneDnnBackend>(options);
}

}  // namespace dgsam
