// The table of a profile: every node in one row, the rows sorted and adding up.
#include "tools/profile/profile_table.h"

#include <doctest/doctest.h>

#include <iterator>
#include <set>
#include <sstream>
#include <vector>

#include "engine/graph/gradients.h"
#include "engine/graph/ops.h"
#include "engine/make_backend.h"

using namespace dgsam;

namespace {

constexpr MachinePeaks kPeaks{.f32_gflops = 100, .bf16_gflops = 0, .f64_gflops = 50, .copy_gbs = 10, .threads = 1};

/// Two linear layers, "first" and "second", and their gradients, in f64.
struct Fixture {
  Graph build() {
    Graph graph(DType::f64, Layout::dense);
    const Value x = graph.input("x", {DType::f64, {64, 96}, Layout::dense});
    const Value labels = graph.input("labels", {DType::i32, {64}, Layout::dense});
    graph.set_label("first");
    const Value h = relu(graph, linear(graph, x, graph.parameter("first", {128, 96}, {}), {}));
    graph.set_label("second");
    const Value logits = linear(graph, h, graph.parameter("second", {10, 128}, {}), {});
    append_gradients(graph, softmax_cross_entropy(graph, logits, labels));
    return graph;
  }
  void run(int times) {
    const FlatVector theta(*backend, program.graph().theta_layout(), DType::f64);
    FlatVector gradient(*backend, program.graph().theta_layout(), DType::f64);
    const Buffer x(*backend, 64 * 96 * sizeof(double)), labels(*backend, 64 * sizeof(std::int32_t));
    const NamedInput inputs[] = {{"x", {x.data(), {DType::f64, {64, 96}, Layout::dense}}},
                                 {"labels", {labels.data(), {DType::i32, {64}, Layout::dense}}}};
    program.set_profiling(true);
    for (int i = 0; i < times; ++i) {
      program.run({.theta = &theta, .gradient = &gradient, .statistics = nullptr, .inputs = inputs});
    }
  }
  /// The table's words, one vector a line.
  std::vector<std::vector<std::string>> table(ProfileRows rows) const {
    std::istringstream text(profile_table(program, kPeaks, rows));
    std::vector<std::vector<std::string>> lines;
    for (std::string line; std::getline(text, line);) {
      std::istringstream words(line);
      lines.emplace_back(std::istream_iterator<std::string>(words), std::istream_iterator<std::string>());
    }
    return lines;
  }

  std::unique_ptr<Backend> backend = make_backend("cpu", {.threads = 1});
  Program program{build(), *backend, std::make_shared<Arena>(*backend)};
};

}  // namespace

TEST_CASE("profile table: every operation has one row, the slowest first, and the rows add up to the total") {
  Fixture fixture;
  fixture.run(3);
  const auto lines = fixture.table(ProfileRows::operations);
  CHECK(profile_table(fixture.program, kPeaks).starts_with("Profile of 3 runs on 1 threads. Peaks: 50 GFLOP/s in f64"));
  std::set<std::string> names;
  int nodes = 0;
  double milliseconds = 0, previous = 1e9;
  for (std::size_t i = 2; i + 1 < lines.size(); ++i) {
    CHECK(names.insert(lines[i][0]).second);
    nodes += std::stoi(lines[i][1]);
    const double here = std::stod(lines[i][2]);
    CHECK(here <= previous);
    milliseconds += previous = here;
  }
  std::set<std::string> expected;
  for (const Node& node : fixture.program.graph().nodes()) expected.insert(node.op->name());
  CHECK(names == expected);
  CHECK(lines.back()[0] == "total");
  CHECK(std::stoi(lines.back()[1]) == nodes);
  CHECK(nodes == static_cast<int>(fixture.program.graph().nodes().size()));
  CHECK(std::stod(lines.back()[2]) == doctest::Approx(milliseconds).epsilon(0.05));
  CHECK(lines.back()[3] == "100.0%");
}

TEST_CASE("profile table: an operation without counted work has no rate") {
  Fixture fixture;
  fixture.run(1);
  for (const auto& line : fixture.table(ProfileRows::operations)) {
    if (line[0] == "relu") CHECK(line[4] == "-");
    if (line[0] == "linear") CHECK(std::stod(line[4]) > 0);
  }
}

TEST_CASE("profile table: rows can be layers") {
  Fixture fixture;
  fixture.run(1);
  std::set<std::string> names;
  const auto lines = fixture.table(ProfileRows::layers);
  for (std::size_t i = 2; i < lines.size(); ++i) names.insert(lines[i][0]);
  CHECK(names == std::set<std::string>{"first", "second", "loss", "total"});
}

TEST_CASE("profile table: a program without a profile is an error") {
  const Fixture fixture;
  CHECK_THROWS_AS(profile_table(fixture.program, kPeaks), Error);
}
