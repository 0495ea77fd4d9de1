// The cases of the gradient check, one function an operation.
#include "engine/gradcheck/gradcheck.h"

#include <algorithm>
#include <functional>
#include <iomanip>
#include <sstream>
#include <utility>

#include "engine/gradcheck/gradient_check.h"

namespace dgsam {
namespace {

struct Case {
  std::string op, name;
  /// Builds operands and operation and returns a scalar.
  std::function<Value(CheckedGraph&)> loss;
};

struct Filter {
  std::int64_t rows, columns;
  Conv2dSpec spec;
};

/// Which operands a convolution has beside image and weights.
struct Epilogue {
  bool bias, residual, relu;
};

Case conv2d_case(const Filter& filter, const Epilogue& epilogue) {
  std::string name = std::to_string(filter.rows) + "x" + std::to_string(filter.columns) + ", stride " +
                     std::to_string(filter.spec.stride) + ", padding " + std::to_string(filter.spec.padding);
  if (epilogue.bias) name += ", bias";
  if (epilogue.residual) name += ", residual";
  if (epilogue.relu) name += ", relu";
  return {"conv2d", name, [filter, epilogue](CheckedGraph& checked) {
            Graph& graph = checked.graph();
            const Shape image{2, 7, 6, 3}, weights{4, filter.rows, filter.columns, 3};
            Conv2dSpec spec = filter.spec;
            spec.relu = epilogue.relu;
            const auto extent = [&](int axis) {
              return (image[axis] + 2 * spec.padding - weights[axis]) / spec.stride + 1;
            };
            const Value x = checked.parameter("x", image);
            const Value w = checked.parameter("w", weights, Draw::weights);
            const Value bias = epilogue.bias ? checked.parameter("bias", {4}) : Value{};
            const Value residual =
                epilogue.residual ? checked.parameter("residual", {2, extent(1), extent(2), 4}) : Value{};
            return checked.reduce(conv2d(graph, x, w, bias, residual, spec));
          }};
}

std::vector<Case> conv2d_cases() {
  const Filter plain{3, 3, {.stride = 1, .padding = 1}}, strided{3, 3, {.stride = 2, .padding = 1}};
  return {
      conv2d_case({1, 1, {.stride = 1, .padding = 0}}, {}),
      conv2d_case({1, 1, {.stride = 2, .padding = 0}}, {}),
      conv2d_case(plain, {}),
      conv2d_case(strided, {}),
      conv2d_case({3, 3, {.stride = 1, .padding = 0}}, {}),
      conv2d_case({7, 7, {.stride = 2, .padding = 3}}, {}),
      conv2d_case({2, 5, {.stride = 3, .padding = 2}}, {}),
      conv2d_case(plain, {.bias = true, .residual = false, .relu = false}),
      conv2d_case(plain, {.bias = false, .residual = true, .relu = false}),
      conv2d_case(plain, {.bias = false, .residual = false, .relu = true}),
      conv2d_case(strided, {.bias = true, .residual = true, .relu = true}),
  };
}

std::vector<Case> linear_cases() {
  const auto loss = [](CheckedGraph& checked, bool bias) {
    const Value x = checked.parameter("x", {4, 5}), w = checked.parameter("w", {6, 5}, Draw::weights);
    return checked.reduce(linear(checked.graph(), x, w, bias ? checked.parameter("bias", {6}) : Value{}));
  };
  return {{"linear", "5 to 6", [loss](CheckedGraph& checked) { return loss(checked, false); }},
          {"linear", "5 to 6, bias", [loss](CheckedGraph& checked) { return loss(checked, true); }}};
}

/// w, gamma and beta through the convolution that the fold is for.
Case fold_batch_norm_case() {
  return {"fold_batch_norm", "3x3 convolution", [](CheckedGraph& checked) {
            Graph& graph = checked.graph();
            const Value x = checked.constant("x", {2, 5, 4, 3});
            const FoldedWeights folded =
                fold_batch_norm(graph, checked.parameter("w", {4, 3, 3, 3}, Draw::weights),
                                checked.parameter("gamma", {4}, Draw::positive), checked.parameter("beta", {4}),
                                checked.constant("mean", {4}), checked.constant("var", {4}, Draw::positive), 1e-5);
            return checked.reduce(conv2d(graph, x, folded.w, folded.b, {}, {.stride = 1, .padding = 1}));
          }};
}

Case batch_norm_case() {
  return {"batch_norm", "batch statistics", [](CheckedGraph& checked) {
            const Value x = checked.parameter("x", {3, 4, 3, 5});
            const Value gamma = checked.parameter("gamma", {5}, Draw::positive), beta = checked.parameter("beta", {5});
            const Value mean = checked.constant("mean", {5}), var = checked.constant("var", {5}, Draw::positive);
            return checked.reduce(batch_norm(checked.graph(), x, gamma, beta, mean, var, checked.counters(),
                                             {.running = RunningStatistics::never}));
          }};
}

Case group_norm_case(int groups) {
  return {"group_norm", std::to_string(groups) + (groups == 1 ? " group" : " groups"), [groups](CheckedGraph& checked) {
            const Value x = checked.parameter("x", {2, 4, 3, 6});
            const Value gamma = checked.parameter("gamma", {6}, Draw::positive), beta = checked.parameter("beta", {6});
            return checked.reduce(group_norm(checked.graph(), x, gamma, beta, groups, 1e-5));
          }};
}

std::vector<Case> elementwise_cases() {
  return {{"relu", "image",
           [](CheckedGraph& checked) {
             return checked.reduce(relu(checked.graph(), checked.parameter("x", {2, 4, 3, 5}, Draw::away_from_zero)));
           }},
          {"add", "x + relu(x)",
           [](CheckedGraph& checked) {
             const Value x = checked.parameter("x", {2, 4, 3, 5}, Draw::away_from_zero);
             return checked.reduce(add(checked.graph(), x, relu(checked.graph(), x)));
           }},
          {"add", "two branches",
           [](CheckedGraph& checked) {
             Graph& graph = checked.graph();
             const Value a = relu(graph, checked.parameter("a", {4, 5}, Draw::away_from_zero));
             return checked.reduce(add(graph, a, checked.parameter("b", {4, 5})));
           }},
          {"dropout", "p 0.4", [](CheckedGraph& checked) {
             const Value x = checked.parameter("x", {6, 7});
             return checked.reduce(dropout(checked.graph(), x, checked.counters(), {.p = 0.4, .layer = 2}));
           }}};
}

Case max_pool_case(const PoolSpec& spec) {
  const std::string name = std::to_string(spec.kernel) + "x" + std::to_string(spec.kernel) + ", stride " +
                           std::to_string(spec.stride) + ", padding " + std::to_string(spec.padding);
  return {"max_pool", name, [spec](CheckedGraph& checked) {
            return checked.reduce(max_pool(checked.graph(), checked.parameter("x", {2, 7, 6, 2}, Draw::spread), spec));
          }};
}

std::vector<Case> head_cases() {
  return {{"global_avg_pool", "image",
           [](CheckedGraph& checked) {
             return checked.reduce(global_avg_pool(checked.graph(), checked.parameter("x", {3, 4, 3, 5})));
           }},
          {"softmax_cross_entropy", "7 rows, 5 classes", [](CheckedGraph& checked) {
             const Value x = checked.parameter("x", {7, 5});
             return softmax_cross_entropy(checked.graph(), x, checked.labels(7, 5));
           }}};
}

/// Everything at once: sums of gradients where paths meet, and the rewrites.
Case residual_block_case() {
  return {"residual block", "strided, 1x1 shortcut", [](CheckedGraph& checked) {
            Graph& graph = checked.graph();
            const auto conv = [&](const std::string& name, Value x, std::int64_t out, std::int64_t kernel, int stride) {
              const Value w = checked.parameter(name, {out, kernel, kernel, graph.type(x).shape[3]}, Draw::weights);
              const FoldedWeights folded =
                  fold_batch_norm(graph, w, checked.parameter(name + ".gamma", {out}, Draw::positive),
                                  checked.parameter(name + ".beta", {out}), checked.constant(name + ".mean", {out}),
                                  checked.constant(name + ".var", {out}, Draw::positive), 1e-5);
              return conv2d(graph, x, folded.w, folded.b, {},
                            {.stride = stride, .padding = static_cast<int>(kernel / 2)});
            };
            const Value x = relu(graph, conv("stem", checked.constant("x", {2, 6, 5, 3}), 3, 3, 1));
            const Value y = conv("conv2", relu(graph, conv("conv1", x, 4, 3, 2)), 4, 3, 1);
            const Value z = relu(graph, add(graph, y, conv("shortcut", x, 4, 1, 2)));
            return checked.reduce(relu(graph, add(graph, conv("conv3", z, 4, 3, 1), z)));
          }};
}

std::vector<Case> all_cases() {
  std::vector<Case> cases;
  const auto append = [&cases](std::vector<Case> more) {
    std::move(more.begin(), more.end(), std::back_inserter(cases));
  };
  append(conv2d_cases());
  append(linear_cases());
  append({fold_batch_norm_case(), batch_norm_case(), group_norm_case(1), group_norm_case(3)});
  append(elementwise_cases());
  append({max_pool_case({.kernel = 3, .stride = 2, .padding = 1}),
          max_pool_case({.kernel = 2, .stride = 2, .padding = 0}),
          max_pool_case({.kernel = 3, .stride = 1, .padding = 1})});
  append(head_cases());
  append({residual_block_case()});
  return cases;
}

}  // namespace

std::vector<GradcheckRow> gradcheck(Backend& backend) {
  std::vector<GradcheckRow> rows;
  for (const Case& one : all_cases()) {
    CheckedGraph checked;
    const Value loss = one.loss(checked);
    GradcheckRow row = check_gradients(backend, std::move(checked), loss);
    row.op = one.op;
    row.case_name = one.name;
    rows.push_back(std::move(row));
  }
  return rows;
}

bool passed(const GradcheckRow& row) { return row.worst <= kGradcheckTolerance; }

std::string gradcheck_table(const std::vector<GradcheckRow>& rows) {
  std::size_t op = 9, name = 4;
  for (const GradcheckRow& row : rows) {
    op = std::max(op, row.op.size());
    name = std::max(name, row.case_name.size());
  }
  const int op_width = static_cast<int>(op), name_width = static_cast<int>(name);
  std::ostringstream out;
  out << std::left << std::setw(op_width) << "operation"
      << "  " << std::setw(name_width) << "case"
      << "  derivatives  worst relative error\n";
  int checked = 0, failures = 0;
  for (const GradcheckRow& row : rows) {
    out << std::left << std::setw(op_width) << row.op << "  " << std::setw(name_width) << row.case_name << "  "
        << std::right << std::setw(11) << row.checked << "  " << std::scientific << std::setprecision(1) << row.worst
        << (passed(row) ? "" : "  WRONG at " + row.worst_at) << '\n';
    checked += row.checked;
    failures += passed(row) ? 0 : 1;
  }
  out << checked << " derivatives against central differences in double, tolerance " << kGradcheckTolerance << ": ";
  if (failures == 0) {
    out << "all " << rows.size() << " cases pass\n";
  } else {
    out << failures << " of " << rows.size() << " cases are wrong\n";
  }
  return out.str();
}

}  // namespace dgsam
