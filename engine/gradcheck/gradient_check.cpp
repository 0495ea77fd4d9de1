#include "engine/gradcheck/gradient_check.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <utility>

#include "engine/core/rng.h"
#include "engine/graph/compile.h"
#include "engine/graph/gradients.h"

namespace dgsam {
namespace {

std::vector<double> draw_values(const std::string& name, const Shape& shape, Draw draw) {
  RandomStream random(0, "gradcheck " + name + shape.text());
  std::vector<double> values(static_cast<std::size_t>(shape.elements()));
  const double inputs =
      static_cast<double>(shape.elements()) / static_cast<double>(std::max<std::int64_t>(1, shape[0]));
  for (std::size_t i = 0; i < values.size(); ++i) {
    switch (draw) {
      case Draw::normal:
        values[i] = random.normal();
        break;
      case Draw::weights:
        values[i] = random.normal() / std::sqrt(inputs);
        break;
      case Draw::positive:
        values[i] = random.uniform(0.5, 1.5);
        break;
      case Draw::away_from_zero:
        values[i] = random.normal();
        values[i] += std::copysign(0.1, values[i]);
        break;
      case Draw::spread:
        values[i] = -2 + 4 * (static_cast<double>(i) + 0.5) / static_cast<double>(values.size());
        std::swap(values[i], values[random.below(i + 1)]);
        break;
    }
  }
  return values;
}

template <class T>
std::vector<std::byte> as_bytes(const std::vector<T>& values) {
  std::vector<std::byte> bytes(values.size() * sizeof(T));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

template <class T>
T download_scalar(Backend& backend, ConstTensor x) {
  T value{};
  backend.download(&value, x);
  return value;
}

/// One element of a flat vector on the device.
Tensor element(FlatVector& vector, std::int64_t offset) {
  return {vector.all().as<double>() + offset, {DType::f64, {1}, Layout::dense}};
}

struct Derivative {
  std::int64_t offset;  ///< in the flat vector
  std::string name;
};

/// Of each parameter all elements when there are no more than `samples`, else that many, each at most once.
std::vector<Derivative> sampled(const FlatLayout& layout, int samples) {
  std::vector<Derivative> derivatives;
  RandomStream random(0, "gradcheck samples");
  for (const FlatLayout::Segment& segment : layout.segments()) {
    std::vector<std::int64_t> elements(static_cast<std::size_t>(segment.shape.elements()));
    std::iota(elements.begin(), elements.end(), 0);
    const std::size_t count = std::min(elements.size(), static_cast<std::size_t>(samples));
    for (std::size_t i = 0; i < count; ++i) {
      if (count < elements.size()) std::swap(elements[i], elements[i + random.below(elements.size() - i)]);
      derivatives.push_back({segment.offset + elements[i], segment.name + "[" + std::to_string(elements[i]) + "]"});
    }
  }
  return derivatives;
}

}  // namespace

Value CheckedGraph::parameter(const std::string& name, const Shape& shape, Draw draw) {
  parameters_.push_back(draw_values(name, shape, draw));
  return graph_.parameter(name, shape, {});
}

Value CheckedGraph::constant(const std::string& name, const Shape& shape, Draw draw) {
  inputs_.push_back(as_bytes(draw_values(name, shape, draw)));
  return graph_.input(name, {DType::f64, shape, Layout::dense});
}

Value CheckedGraph::labels(std::int64_t rows, std::int64_t classes) {
  std::vector<std::int32_t> labels(static_cast<std::size_t>(rows));
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<std::int32_t>((i * 2 + 1) % classes);
  inputs_.push_back(as_bytes(labels));
  return graph_.input("labels", {DType::i32, {rows}, Layout::dense});
}

Value CheckedGraph::counters() {
  inputs_.push_back(as_bytes(std::vector<std::int64_t>{17, 3, 1}));
  return graph_.input("counters", {DType::i64, {kStepCounters}, Layout::dense});
}

Value CheckedGraph::reduce(Value y) {
  constexpr std::int64_t kLogits = 3;
  const Shape shape = graph_.type(y).shape;
  const bool image = shape.rank() == 4;
  Value logits;
  if (image) {
    const Value weights = constant("reduction", {kLogits, shape[1], shape[2], shape[3]}, Draw::weights);
    logits = global_avg_pool(graph_, conv2d(graph_, y, weights, {}, {}, {}));
  } else {
    logits = linear(graph_, y, constant("reduction", {kLogits, shape[1]}, Draw::weights), {});
  }
  return softmax_cross_entropy(graph_, logits, labels(shape[0], kLogits));
}

double relative_error(double analytic, double numeric, double scale) {
  const double size = std::max({std::abs(analytic), std::abs(numeric), scale});
  return analytic == numeric ? 0 : std::abs(analytic - numeric) / size;
}

GradcheckRow compare_with_differences(Backend& backend, Program& program, FlatVector& theta, Bindings bindings,
                                      Value loss, int samples, double step) {
  bindings.theta = &theta;
  require(bindings.gradient && theta.dtype() == DType::f64,
          "a gradient check needs parameters and a gradient vector in f64");
  program.run(bindings);
  std::vector<double> gradient(static_cast<std::size_t>(bindings.gradient->layout().elements()));
  backend.download(gradient.data(), bindings.gradient->all());
  double largest = 0;
  for (const double derivative : gradient) largest = std::max(largest, std::abs(derivative));

  GradcheckRow row;
  for (const Derivative& derivative : sampled(theta.layout(), samples)) {
    const Tensor at = element(theta, derivative.offset);
    const auto here = download_scalar<double>(backend, at);
    const auto loss_at = [&](double value) {
      backend.upload(at, &value);
      program.run(bindings);
      return download_scalar<double>(backend, program.value(loss));
    };
    const double near = loss_at(here + step) - loss_at(here - step);
    const double far = loss_at(here + 2 * step) - loss_at(here - 2 * step);
    backend.upload(at, &here);
    const double error = relative_error(gradient[static_cast<std::size_t>(derivative.offset)],
                                        (8 * near - far) / (12 * step), 1e-3 * largest);
    ++row.checked;
    if (!(error <= row.worst) || row.worst_at.empty()) {  // a NaN is the worst
      row.worst = error;
      row.worst_at = derivative.name;
      if (std::isnan(error)) break;
    }
  }
  require(largest > 0 || row.worst != 0, "the loss depends on no parameter: there is nothing to compare");
  return row;
}

GradcheckRow check_gradients(Backend& backend, CheckedGraph checked, Value loss, int samples) {
  Graph& graph = checked.graph_;
  graph.keep(loss);
  compile(graph, loss, {});

  FlatVector theta(backend, graph.theta_layout(), DType::f64);
  FlatVector gradient(backend, graph.theta_layout(), DType::f64);
  for (std::size_t i = 0; i < checked.parameters_.size(); ++i) {
    backend.upload(theta.segment(static_cast<int>(i)), checked.parameters_[i].data());
  }
  Program program(std::move(graph), backend, std::make_shared<Arena>(backend));
  std::vector<Buffer> buffers;
  std::vector<NamedInput> inputs;
  for (std::size_t i = 0; i < checked.inputs_.size(); ++i) {
    buffers.emplace_back(backend, checked.inputs_[i].size());
    const ValueInfo& input = program.graph().info(program.graph().inputs()[i]);
    const Tensor tensor{buffers.back().data(), input.type};
    inputs.push_back({input.name, tensor});
    backend.upload(tensor, checked.inputs_[i].data());
  }
  return compare_with_differences(backend, program, theta, {.gradient = &gradient, .inputs = inputs}, loss, samples);
}

}  // namespace dgsam
