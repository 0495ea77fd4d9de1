// The gradient check: it passes what is right and catches what is wrong.
#include "engine/gradcheck/gradcheck.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "engine/gradcheck/gradient_check.h"
#include "engine/graph/gradients.h"
#include "engine/make_backend.h"
#include "engine/operations.h"

using namespace dgsam;

namespace {

using Body = std::function<void(const double* from, double* to, const Shape& shape)>;

/// y = body(x), for images and matrices in host memory.
class HostOp : public Op {
 public:
  explicit HostOp(Body body) : body_(std::move(body)) {}
  std::string name() const override { return "host_op"; }
  std::vector<Type> infer(std::span<const Type> in) const override { return {in[0]}; }
  void run(Backend&, std::span<const ConstTensor> in, std::span<const Tensor> out) const override {
    body_(in[0].as<double>(), out[0].as<double>(), in[0].shape());
  }

 private:
  Body body_;
};

/// y = x with a gradient of its own.
class Identity final : public HostOp {
 public:
  explicit Identity(Body gradient)
      : HostOp([](const double* from, double* to, const Shape& shape) { std::copy_n(from, shape.elements(), to); }),
        gradient_(std::make_shared<HostOp>(std::move(gradient))) {}
  std::vector<Value> gradient(Graph& graph, const Node&, std::span<const Value> dout) const override {
    return {graph.append_one(gradient_, {dout[0]})};
  }

 private:
  std::shared_ptr<const Op> gradient_;
};

GradcheckRow check_identity(const Shape& shape, Body gradient) {
  CheckedGraph checked;
  const Value x = checked.parameter("x", shape);
  const Value y = checked.graph().append_one(std::make_shared<Identity>(std::move(gradient)), {x});
  const Value loss = checked.reduce(y);
  return check_gradients(*make_backend("cpu", {.threads = 1}), std::move(checked), loss);
}

}  // namespace

TEST_CASE("gradcheck: every operation's gradient agrees with central differences, on every CPU backend") {
  for (const bool onednn : {false, true}) {
    const auto backend = make_backend("cpu", {.threads = 1, .onednn = onednn});
    const std::vector<GradcheckRow> rows = gradcheck(*backend);
    std::set<std::string> ops;
    for (const GradcheckRow& row : rows) {
      INFO(row.op, ", ", row.case_name, ": ", row.worst, " at ", row.worst_at);
      CHECK(row.worst <= 1e-6);
      CHECK(row.checked > 20);
      ops.insert(row.op);
    }
    const auto is_operation = [](const std::string& name) { return std::ranges::count(kOperationNames, name) > 0; };
    for (const std::string_view name : kOperationNames) {
      const std::string op(name);
      if (is_operation(op + "_grad") || is_operation(op + "_data_grad")) CHECK_MESSAGE(ops.contains(op), op);
    }
    // Their gradients are operations of other names, or nothing but the sum's.
    for (const char* op : {"relu", "add", "dropout"}) CHECK_MESSAGE(ops.contains(op), op);
  }
}

TEST_CASE("gradcheck: a right gradient of an operation of one's own passes") {
  const GradcheckRow row = check_identity(
      {3, 4}, [](const double* from, double* to, const Shape& shape) { std::copy_n(from, shape.elements(), to); });
  CHECK(row.checked == 12);
  CHECK(passed(row));
}

TEST_CASE("gradcheck: a gradient that is 0.1% too large is caught") {
  const GradcheckRow row = check_identity({3, 4}, [](const double* from, double* to, const Shape& shape) {
    std::transform(from, from + shape.elements(), to, [](double dy) { return 1.001 * dy; });
  });
  CHECK(row.worst == doctest::Approx(1e-3).epsilon(0.01));
  CHECK_FALSE(passed(row));
  CHECK(gradcheck_table({row}).find("WRONG at x[") != std::string::npos);
}

TEST_CASE("gradcheck: a transposed, a mirrored and a shifted gradient are caught") {
  CHECK_FALSE(passed(check_identity({4, 4}, [](const double* from, double* to, const Shape& shape) {
    for (std::int64_t i = 0; i < shape.elements(); ++i) to[i] = from[i % 4 * 4 + i / 4];
  })));
  CHECK_FALSE(passed(check_identity({2, 3, 3, 2}, [](const double* from, double* to, const Shape& shape) {
    for (std::int64_t i = 0; i < shape.elements(); ++i) to[i] = from[i / 6 * 6 + (2 - i / 2 % 3) * 2 + i % 2];
  })));
  CHECK_FALSE(passed(check_identity({3, 5}, [](const double* from, double* to, const Shape& shape) {
    for (std::int64_t i = 0; i < shape.elements(); ++i) to[i] = from[(i + 1) % shape.elements()];
  })));
}

TEST_CASE("gradcheck: one wrong element and a gradient that is missing or not a number are caught") {
  CHECK_FALSE(passed(check_identity({3, 4}, [](const double* from, double* to, const Shape& shape) {
    std::copy_n(from, shape.elements(), to);
    to[7] *= 1.00001;
  })));
  CHECK_FALSE(passed(check_identity(
      {3, 4}, [](const double*, double* to, const Shape& shape) { std::fill_n(to, shape.elements(), 0.0); })));
  CHECK_FALSE(passed(check_identity({3, 4}, [](const double*, double* to, const Shape& shape) {
    std::fill_n(to, shape.elements(), std::numeric_limits<double>::quiet_NaN());
  })));
}

TEST_CASE("gradcheck: the reduction gives every element a derivative of its own") {
  for (const Shape& shape : {Shape{4, 5}, Shape{2, 3, 4, 5}}) {
    CheckedGraph checked;
    const Value x = checked.parameter("x", shape);
    Graph& graph = checked.graph();
    // The gradient reaches the identity's body on its way to x.
    std::vector<double> seen;
    const Value y =
        graph.append_one(std::make_shared<Identity>([&seen](const double* from, double* to, const Shape& of) {
                           seen.assign(from, from + of.elements());
                           std::copy_n(from, of.elements(), to);
                         }),
                         {x});
    const Value loss = checked.reduce(y);
    check_gradients(*make_backend("cpu", {.threads = 1}), std::move(checked), loss, 1);
    std::sort(seen.begin(), seen.end());
    REQUIRE(static_cast<std::int64_t>(seen.size()) == shape.elements());
    for (std::size_t i = 0; i < seen.size(); ++i) {
      CHECK(std::abs(seen[i]) > 1e-6);
      if (i > 0) CHECK(seen[i] - seen[i - 1] > 1e-7);
    }
  }
}

TEST_CASE("gradcheck: the table says how many cases pass") {
  const std::string table = gradcheck_table({{"conv2d", "3x3", 10, 2e-9, "w[3]"}, {"add", "image", 5, 0.5, "x[1]"}});
  CHECK(table ==
        "operation  case   derivatives  worst relative error\n"
        "conv2d     3x3             10  2.0e-09\n"
        "add        image            5  5.0e-01  WRONG at x[1]\n"
        "15 derivatives against central differences in double, tolerance 1.0e-06: 1 of 2 cases are wrong\n");
}
