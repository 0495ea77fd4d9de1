// The memory plan: values that are alive together never share bytes, and sharing changes no bit of any result.
#include "engine/graph/plan.h"

#include <doctest/doctest.h>

#include "tests/graph/graph_support.h"

using namespace dgsam;
using namespace dgsam::testing;

namespace {

/// True when `later` took over the bytes of `earlier` at the node that writes it, as its operation allows.
bool taken_over(const Graph& graph, const Plan& plan, Value earlier, Value later) {
  const int at = graph.info(later).producer;
  if (plan.last_use[static_cast<std::size_t>(earlier.id)] != at) return false;
  const Node& node = graph.nodes()[static_cast<std::size_t>(at)];
  for (std::size_t in = 0; in < node.in.size(); ++in) {
    for (std::size_t out = 0; out < node.out.size(); ++out) {
      if (node.in[in] == earlier && node.out[out] == later &&
          node.op->in_place(static_cast<int>(in), static_cast<int>(out))) {
        return true;
      }
    }
  }
  return false;
}

/// How many pairs of values share bytes, in turn or by handing them over. Fails the test when two do while both are
/// needed.
int check_plan(const Graph& graph, const Plan& plan) {
  struct Range {
    Value value;
    std::size_t begin, end;
    int first, last;
  };
  std::vector<Range> ranges;
  for (int id = 0; id < static_cast<int>(graph.values().size()); ++id) {
    const auto index = static_cast<std::size_t>(id);
    const ValueInfo& info = graph.values()[index];
    if (info.space != Space::arena || info.producer < 0) {
      CHECK(plan.offset[index] == Plan::kNone);
      continue;
    }
    REQUIRE(plan.offset[index] != Plan::kNone);
    CHECK(plan.offset[index] % 64 == 0);
    ranges.push_back(
        {{id}, plan.offset[index], plan.offset[index] + info.type.bytes(), info.producer, plan.last_use[index]});
    CHECK(ranges.back().end <= plan.bytes);
  }
  int shared = 0;
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    for (std::size_t j = i + 1; j < ranges.size(); ++j) {
      const Range &a = ranges[i], &b = ranges[j];
      if (a.end <= b.begin || b.end <= a.begin) continue;
      ++shared;
      if (a.last < b.first || b.last < a.first) continue;
      const bool allowed = taken_over(graph, plan, a.value, b.value) || taken_over(graph, plan, b.value, a.value);
      CHECK_MESSAGE(allowed, "values %", a.value.id, " and %", b.value.id, " are alive together on the same bytes");
    }
  }
  return shared;
}

/// Some twenty operations on matrices of 4 rows, each on values drawn from all there are, ending in a loss.
Net random_net(std::uint64_t seed) {
  RandomStream random(seed, "random net");
  Net net{Graph(DType::f64, Layout::dense), {}, {}};
  Graph& graph = net.graph;
  const Value labels = graph.input("labels", {DType::i32, {4}, Layout::dense});
  std::vector<Value> values{graph.input("x", {DType::f64, {4, 5}, Layout::dense})};
  const auto any = [&] { return values[random.below(values.size())]; };
  const auto project = [&](Value x, std::int64_t out) {
    const std::string name = "w" + std::to_string(graph.parameters().size());
    return linear(graph, x, graph.parameter(name, {out, graph.type(x).shape[1]}, {}), {});
  };
  for (int i = 0; i < 20; ++i) {
    const Value x = any();
    switch (random.below(4)) {
      case 0:
        values.push_back(relu(graph, x));
        break;
      case 1:
        values.push_back(project(x, 2 + static_cast<std::int64_t>(random.below(40))));
        break;
      default: {
        const Value y = any();
        values.push_back(add(graph, x, graph.type(y) == graph.type(x) ? y : project(y, graph.type(x).shape[1])));
      }
    }
    if (random.below(8) == 0) graph.keep(values.back());
  }
  // Everything meets in the logits, so that every parameter has a gradient.
  net.logits = project(values[1], kClasses);
  for (std::size_t i = 2; i < values.size(); ++i) net.logits = add(graph, net.logits, project(values[i], kClasses));
  net.loss = softmax_cross_entropy(graph, net.logits, labels);
  graph.keep(net.loss);
  append_gradients(graph, net.loss);
  fuse_gradient_sums(graph);
  return net;
}

/// Runs the graph twice in each memory mode and compares gradients, statistics and kept values bit for bit.
void check_same_bits(Backend& backend, const Graph& graph) {
  Session shared(backend, graph, MemoryMode::shared), alone(backend, graph, MemoryMode::all_private);
  for (int pass = 0; pass < 2; ++pass) {
    shared.run();
    alone.run();
    CHECK(shared.gradients() == alone.gradients());
    CHECK(shared.get(shared.statistics.all()) == alone.get(alone.statistics.all()));
    for (const Value kept : graph.kept()) CHECK(shared.get(kept) == alone.get(kept));
    const std::vector<double> gradients = shared.gradients();
    CHECK(std::any_of(gradients.begin(), gradients.end(), [](double g) { return g != 0; }));
  }
}

/// How often, while a node runs beside those after it, one of those writes over what it touches.
int overwritten_on_side(const Graph& graph, const Plan& plan) {
  const std::vector<int> joins = side_joins(graph);
  const auto range = [&](Value value) {
    const std::size_t begin = value ? plan.offset[static_cast<std::size_t>(value.id)] : Plan::kNone;
    return std::pair(begin, begin == Plan::kNone ? begin : begin + graph.type(value).bytes());
  };
  int overwritten = 0;
  for (std::size_t on_side = 0; on_side < joins.size(); ++on_side) {
    std::vector<Value> touched = graph.nodes()[on_side].in;
    touched.insert(touched.end(), graph.nodes()[on_side].out.begin(), graph.nodes()[on_side].out.end());
    for (int node = static_cast<int>(on_side) + 1; node < joins[on_side]; ++node) {
      for (const Value out : graph.nodes()[static_cast<std::size_t>(node)].out) {
        for (const Value value : touched) {
          const auto [begin, end] = range(value);
          const auto [from, to] = range(out);
          overwritten += begin < to && from < end;
        }
      }
    }
  }
  return overwritten;
}

}  // namespace

TEST_CASE("plan: nothing overwrites what a weight gradient touches while it runs beside the nodes after it") {
  Net net = trained_net(DType::f32, Norm::folded);
  gather_folds(net.graph);
  const Plan plan = plan_memory(net.graph, MemoryMode::shared, true);
  check_plan(net.graph, plan);
  CHECK(overwritten_on_side(net.graph, plan) == 0);
  CHECK(overwritten_on_side(net.graph, plan_memory(net.graph, MemoryMode::shared)) > 0);  // or this proves nothing
}

TEST_CASE("plan: in random graphs no two values that are needed at the same time share bytes") {
  const auto backend = plain_backend();
  int shared = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const Net net = random_net(seed);
    INFO("seed ", seed);
    const Plan plan = plan_memory(net.graph, MemoryMode::shared);
    shared += check_plan(net.graph, plan);
    CHECK(plan.bytes <= plan_memory(net.graph, MemoryMode::all_private).bytes);
    if (seed < 20) check_same_bits(*backend, net.graph);
  }
  CHECK(shared > 1000);
}

TEST_CASE("plan: private memory gives every value bytes of its own") {
  const Net net = trained_net(DType::f32, Norm::folded);
  CHECK(check_plan(net.graph, plan_memory(net.graph, MemoryMode::all_private)) == 0);
}

TEST_CASE("plan: a residual net fits into less than half of the bytes of its values") {
  for (const Norm norm : {Norm::folded, Norm::batch}) {
    const Net net = trained_net(DType::f32, norm);
    const Plan plan = plan_memory(net.graph, MemoryMode::shared);
    CHECK(check_plan(net.graph, plan) > 0);
    CHECK(2 * plan.bytes < plan_memory(net.graph, MemoryMode::all_private).bytes);
  }
}

TEST_CASE("plan: a network without gradients needs little more than its two largest values") {
  const Net net = residual_net(DType::f32, Norm::folded, 64);
  std::vector<std::size_t> sizes;
  for (const ValueInfo& info : net.graph.values()) {
    if (info.space == Space::arena) sizes.push_back(info.type.bytes());
  }
  std::sort(sizes.rbegin(), sizes.rend());
  CHECK(plan_memory(net.graph, MemoryMode::shared).bytes < 1.5 * static_cast<double>(sizes[0] + sizes[1]));
}

TEST_CASE("plan: an operation that runs in place takes over the bytes of an operand that dies, and of no other") {
  Graph graph(DType::f32, Layout::dense);
  const Value x = graph.input("x", {DType::f32, {4, 5}, Layout::dense});
  const Value a = relu(graph, x);
  const Value b = add(graph, a, x);  // a dies here
  const Value c = add(graph, b, b);  // b does not
  const Value d = add(graph, b, c);
  graph.keep(d);
  const Plan plan = plan_memory(graph, MemoryMode::shared);
  const auto offset = [&](Value value) { return plan.offset[static_cast<std::size_t>(value.id)]; };
  CHECK(offset(b) == offset(a));
  CHECK(offset(c) != offset(b));
  CHECK((offset(d) == offset(b) || offset(d) == offset(c)));
  CHECK(plan.bytes == 2 * 128);
}

TEST_CASE("plan: planned memory equals private memory bit for bit, gradients included, in both batch-norm modes") {
  for (const bool onednn : {false, true}) {
    const auto backend = make_backend("cpu", {.threads = 2, .onednn = onednn});
    for (const Norm norm : {Norm::folded, Norm::batch}) {
      for (const DType dtype : {DType::f64, DType::f32}) check_same_bits(*backend, trained_net(dtype, norm).graph);
    }
  }
}
