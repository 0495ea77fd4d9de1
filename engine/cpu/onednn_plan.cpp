// Measured on 2 Zen 4 cores: in blocked16 the direct and the 1x1 kernels reach 90 to 100 % of the FMA peak in all three
// directions; in dense layout wide 1x1 layers lose up to a third. Reordering all weights of a ResNet-50 takes 8 ms per
// direction in f32 and 5 ms in bf16. A residual as an operand of the epilogue costs 3 to 30 % of a 1x1 layer; copying
// it to the output and accumulating costs 10 to 80 %.
#include "engine/cpu/onednn_plan.h"

#include <string_view>
#include <vector>

namespace dgsam {
namespace {

using dnnl::algorithm;
using onednn::Format;
using Tag = dnnl::memory::format_tag;

/// Winograd's working memory grows with the channels and the threads; beyond this it is not worth its speed.
constexpr std::size_t kWinogradScratch = std::size_t{256} << 20;

dnnl::memory::data_type type_of(const Type& type) {
  return type.dtype == DType::bf16 ? dnnl::memory::data_type::bf16 : dnnl::memory::data_type::f32;
}

Format image_format(const Type& type) {
  const Shape& s = type.shape;
  return {{s[0], s[3], s[1], s[2]}, type_of(type), type.layout == Layout::blocked16 ? Tag::nChw16c : Tag::nhwc};
}

Format filter_format(const Type& type) {
  const Shape& s = type.shape;
  return {{s[0], s[3], s[1], s[2]}, type_of(type), Tag::ohwi};
}

Format matrix_format(const Type& type) { return {{type.shape[0], type.shape[1]}, type_of(type), Tag::ab}; }

Format transposed_format(const Type& type) { return {{type.shape[1], type.shape[0]}, type_of(type), Tag::ba}; }

Format any_format(const Format& format) { return {onednn::dims(format), onednn::data_type(format), Tag::any}; }

/// oneDNN runs everything it accepts, some of it by naive loops.
bool is_fast(const dnnl::primitive_desc_base& description) {
  return description && !std::string_view(description.impl_info_str()).starts_with("ref");
}

/// One way to ask for a convolution.
using Request = onednn::Convolution;

bool is_winograd(const Request& request) { return request.method == algorithm::convolution_winograd; }

/// Whether Winograd's F(4x4, 3x3) is possible and pays: it multiplies 36 times per tile of 4x4 outputs where the direct
/// sum takes 9 per output, and it transforms all weights once, which few tiles do not repay. Measured with 64 to 512
/// channels: 8 tiles take 1.7 times as long as the direct sum, 32 tiles 0.65 to 0.9 times, many tiles 0.4 times.
bool suits_winograd(const OneDnnProblem& problem) {
  constexpr std::int64_t kFewestTiles = 32;
  const Shape &filter = problem.w.shape, &out = problem.y.shape;
  const std::int64_t tiles = out[0] * ((out[1] + 3) / 4) * ((out[2] + 3) / 4);
  return onednn::kHasWinograd && problem.x.dtype == DType::f32 && problem.x.layout == Layout::blocked16 &&
         problem.y.layout == Layout::blocked16 && filter[1] == 3 && filter[2] == 3 && problem.spec.stride == 1 &&
         problem.spec.padding <= 1 && tiles >= kFewestTiles && 2 * 36 * tiles <= 9 * out[0] * out[1] * out[2];
}

/// The requests in order of preference: images as they are; else reordered where oneDNN wants another format, the input
/// (three channels: planar) before the output.
std::vector<Request> requests(const OneDnnProblem& problem, bool winograd) {
  const Format x = image_format(problem.x), y = image_format(problem.y), w = any_format(filter_format(problem.w));
  const dnnl::memory::dims strides(2, problem.spec.stride), padding(2, problem.spec.padding);
  const Request direct{algorithm::convolution_direct, x, w, y, strides, padding};
  std::vector<Request> all{direct, direct, direct};
  all[1].x = all[2].x = any_format(x);
  all[2].y = any_format(y);
  if (winograd && suits_winograd(problem)) {
    all.insert(all.begin(), direct);
    all.front().method = algorithm::convolution_winograd;
  }
  return all;
}

/// The attributes of every primitive: working memory is ours, so that replays share it and allocate none.
dnnl::primitive_attr plain_attributes() {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attributes;
}

template <class Description>
bool acceptable(const Request& request, const Description& description) {
  return is_fast(description) &&
         (!is_winograd(request) || description.scratchpad_desc().get_size() <= kWinogradScratch);
}

/// Everything behind a forward convolution's sum but the bias.
dnnl::primitive_attr epilogue(const OneDnnProblem& problem, bool residual_in_output) {
  dnnl::post_ops operations;
  if (residual_in_output) {
    operations.append_sum(1.0f);
  } else if (problem.residual) {
    operations.append_binary(algorithm::binary_add, image_format(problem.y));
  }
  if (problem.spec.relu) onednn::append_relu(operations);
  dnnl::primitive_attr attributes = plain_attributes();
  attributes.set_post_ops(operations);
  return attributes;
}

/// Whether `chosen` can read the residual as an operand: oneDNN 2.6 also says yes to one in another format than the
/// output's and in its GEMM convolutions, and then adds the wrong elements.
bool adds_residual(const onednn::Forward::primitive_desc& chosen, const Format& residual) {
  return is_fast(chosen) && chosen.dst_desc() == residual &&
         std::string_view(chosen.impl_info_str()).find("gemm") == std::string_view::npos;
}

OneDnnPlan plan_conv2d(const dnnl::engine& engine, const OneDnnProblem& problem, const Request& request) {
  const Format output = image_format(problem.y);
  const Format bias = problem.bias ? Format({problem.w.shape[0]}, dnnl::memory::data_type::f32, Tag::x) : Format();
  auto chosen = onednn::describe_forward(engine, request, bias, epilogue(problem, false));
  const bool in_output = problem.residual && !adds_residual(chosen, output);
  if (in_output) chosen = onednn::describe_forward(engine, request, bias, epilogue(problem, true));
  if (!acceptable(request, chosen) || (in_output && chosen.dst_desc() != output)) return {};
  auto call = std::make_unique<OneDnnCall>(engine, onednn::Forward(chosen), chosen.scratchpad_desc());
  call->input(DNNL_ARG_SRC, image_format(problem.x), chosen.src_desc());
  call->input(DNNL_ARG_WEIGHTS, filter_format(problem.w), chosen.weights_desc());
  if (problem.bias) call->input(DNNL_ARG_BIAS, bias, bias);
  if (problem.residual && !in_output) call->input(kOneDnnResidual, output, output);
  call->output(DNNL_ARG_DST, output, chosen.dst_desc());
  return {std::move(call), in_output};
}

OneDnnPlan plan_conv2d_data_grad(const dnnl::engine& engine, const OneDnnProblem& problem, const Request& request) {
  const auto hint = onednn::describe_forward(engine, request, {}, plain_attributes());
  if (!hint) return {};
  const auto chosen = onednn::describe_data_grad(engine, request, plain_attributes(), hint);
  if (!acceptable(request, chosen)) return {};
  auto call = std::make_unique<OneDnnCall>(engine, onednn::DataGrad(chosen), chosen.scratchpad_desc());
  call->input(DNNL_ARG_DIFF_DST, image_format(problem.y), chosen.diff_dst_desc());
  call->input(DNNL_ARG_WEIGHTS, filter_format(problem.w), chosen.weights_desc());
  call->output(DNNL_ARG_DIFF_SRC, image_format(problem.x), chosen.diff_src_desc());
  return {std::move(call)};
}

/// Whether `chosen` computes the weight gradient of `problem`: where a 1x1 convolution has a stride and channels that
/// are no multiple of its block, oneDNN 2.6's kernel for AVX2 adds up wrong pixels.
bool sums_weight_grad(const onednn::WeightGrad::primitive_desc& chosen, const OneDnnProblem& problem) {
  constexpr std::int64_t kBlock = 8;
  const Shape& filter = problem.w.shape;
  return !is_fast(chosen) || problem.spec.stride == 1 || (filter[0] % kBlock == 0 && filter[3] % kBlock == 0) ||
         !std::string_view(chosen.impl_info_str()).starts_with("jit_1x1:avx2");
}

OneDnnPlan plan_conv2d_weight_grad(const dnnl::engine& engine, const OneDnnProblem& problem, const Request& request) {
  Request forward = request;  // its weights have the type of the images, their gradient is f32
  forward.w = Format(onednn::dims(request.w), onednn::data_type(request.x), Tag::any);
  const auto hint = onednn::describe_forward(engine, forward, {}, plain_attributes());
  if (!hint) return {};
  const auto chosen = onednn::describe_weight_grad(engine, request, plain_attributes(), hint);
  if (!acceptable(request, chosen) || !sums_weight_grad(chosen, problem)) return {};
  auto call = std::make_unique<OneDnnCall>(engine, onednn::WeightGrad(chosen), chosen.scratchpad_desc());
  call->input(DNNL_ARG_SRC, image_format(problem.x), chosen.src_desc());
  call->input(DNNL_ARG_DIFF_DST, image_format(problem.y), chosen.diff_dst_desc());
  call->output(DNNL_ARG_DIFF_WEIGHTS, filter_format(problem.w), chosen.diff_weights_desc());
  return {std::move(call)};
}

/// dst = src · weights, plus the bias, if any, in every row.
OneDnnPlan plan_product(const dnnl::engine& engine, const Format& src, const Format& weights, const Format& dst,
                        bool with_bias = false) {
  const Format bias = with_bias ? Format({1, onednn::dims(dst)[1]}, dnnl::memory::data_type::f32, Tag::ab) : Format();
  const auto chosen = onednn::describe_product(engine, src, weights, bias, dst, plain_attributes());
  if (!is_fast(chosen)) return {};
  auto call = std::make_unique<OneDnnCall>(engine, dnnl::matmul(chosen), chosen.scratchpad_desc());
  call->input(DNNL_ARG_SRC, src, src);
  call->input(DNNL_ARG_WEIGHTS, weights, weights);
  if (with_bias) call->input(DNNL_ARG_BIAS, bias, bias);
  call->output(DNNL_ARG_DST, dst, dst);
  return {std::move(call)};
}

/// The first request that `plan` can fulfil.
template <class Plan>
OneDnnPlan first_of(const dnnl::engine& engine, const OneDnnProblem& problem, bool winograd, const Plan& plan) {
  for (const Request& request : requests(problem, winograd)) {
    OneDnnPlan found = plan(engine, problem, request);
    if (found.call) return found;
  }
  return {};
}

}  // namespace

OneDnnPlan plan_onednn(const dnnl::engine& engine, const OneDnnProblem& problem, bool winograd) {
  const Type &x = problem.x, &w = problem.w, &y = problem.y;
  switch (problem.op) {
    case Operation::conv2d:
      return first_of(engine, problem, winograd, plan_conv2d);
    case Operation::conv2d_data_grad:
      return first_of(engine, problem, winograd, plan_conv2d_data_grad);
    case Operation::conv2d_weight_grad:
      return first_of(engine, problem, winograd, plan_conv2d_weight_grad);
    case Operation::linear:
      return plan_product(engine, matrix_format(x), transposed_format(w), matrix_format(y), problem.bias);
    case Operation::linear_data_grad:
      return plan_product(engine, matrix_format(y), matrix_format(w), matrix_format(x));
    case Operation::linear_weight_grad:
      return plan_product(engine, transposed_format(y), matrix_format(x), matrix_format(w));
    default:
      return {};
  }
}

}  // namespace dgsam
