// Choosing among algorithms whose speed is known, and the file of choices.
#include "engine/cuda/library/conv_chooser.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <functional>
#include <thread>
#include <utility>

#include "tests/cuda/emulated_cuda.h"
#include "tests/temporary_folder.h"

using namespace dgsam;

namespace {

struct Fake {
  std::string name;
  std::int64_t nanoseconds;
  std::size_t workspace = 0;
  bool fails = false;
  std::function<void()> when_run = {};  ///< what it does beside taking its time
};

class FakeAlgorithm final : public ConvAlgorithm {
 public:
  FakeAlgorithm(Fake fake, std::function<void()> on_run) : fake_(std::move(fake)), on_run_(std::move(on_run)) {}
  std::string name() const override { return fake_.name; }
  std::size_t workspace_bytes() const override { return fake_.workspace; }
  void run(const Queue&, const ConvOperands&, void*) override {
    require(!fake_.fails, "does not run");
    emulated::device().nanoseconds += fake_.nanoseconds;
    if (fake_.when_run) fake_.when_run();
    if (on_run_) on_run_();
  }

 private:
  Fake fake_;
  std::function<void()> on_run_;
};

/// One program that chooses among `fakes`.
struct Program {
  std::vector<Fake> fakes;
  std::string file, machine = "a GPU, some libraries";
  bool measure = true;
  std::function<void()> on_run = {};
  int lists = 0;  ///< how often the whole list was asked for
  std::size_t workspace = 0;
  ConvOperands operands = {};
  ConvChooser::Reference reference = {};

  std::string choose(const ConvProblem& problem = {}) {
    const Stream stream;
    const ConvLibrary library{[this](const ConvProblem&) {
                                ++lists;
                                ConvAlgorithms all;
                                for (const Fake& fake : fakes)
                                  all.push_back(std::make_unique<FakeAlgorithm>(fake, on_run));
                                return all;
                              },
                              [this](const ConvProblem&, const std::string& name) -> std::unique_ptr<ConvAlgorithm> {
                                for (const Fake& fake : fakes) {
                                  if (fake.name == name) return std::make_unique<FakeAlgorithm>(fake, on_run);
                                }
                                return nullptr;
                              }};
    ConvChooser chooser({library}, PlanFile(file, machine), measure, reference, std::chrono::milliseconds(20));
    const auto chosen = chooser.choose(problem, {stream.get(), 1}, operands, [this](std::size_t bytes) -> void* {
      workspace = bytes;
      return nullptr;
    });
    return chosen ? chosen->name() : "none";
  }
};

const std::vector<Fake> kFakes{
    {"broken", 1, 0, true}, {"slow", 3000, 100}, {"fast", 1000, 200}, {"greedy", 1, 1 << 30}};

}  // namespace

TEST_CASE("the fastest algorithm that runs within the limit of workspace is chosen") {
  Program program{kFakes, ""};
  CHECK(program.choose() == "fast");
  CHECK(program.workspace == 200);
  program.fakes = {{"broken", 1, 0, true}, {"greedy", 1, 1 << 30}};
  CHECK(program.choose() == "none");
}

TEST_CASE("without measuring, the first algorithm that runs is chosen, whatever the file says") {
  const TemporaryFolder folder;
  const std::string file = folder.file("plans.txt");
  PlanFile(file, Program{}.machine).add(ConvProblem{}.text(), "fast", 1);
  CHECK(Program{kFakes, file, Program{}.machine, false}.choose() == "slow");
}

TEST_CASE("a choice is kept from run to run, for one machine and one problem") {
  const TemporaryFolder folder;
  const std::string file = folder.file("new/folder/plans.txt");
  Program first{kFakes, file};
  CHECK(first.choose() == "fast");
  const ConvProblem problem{};
  const std::string start = first.machine + "\t" + problem.text() + "\t";
  CHECK(read_bytes(file) == start + "broken\tbad\n" + start + "fast\t1.000\n");

  Program second{kFakes, file};
  second.fakes[2].nanoseconds = 9000;  // a busy day: the choice stays, and with it the bits of results
  CHECK(second.choose() == "fast");
  CHECK(second.lists == 0);
  second.machine = "another GPU";
  CHECK(second.choose() == "slow");
  second.machine = first.machine;
  ConvProblem other = problem;
  other.tf32 = true;
  CHECK(second.choose(other) == "slow");

  Program renamed{{{"newer", 1}}, file};  // a name that the library has no more
  CHECK(renamed.choose() == "newer");
  CHECK(renamed.choose() == "newer");
  CHECK(renamed.lists == 1);
}

TEST_CASE("an algorithm that fails is remembered as bad, and no program on this machine runs it again") {
  const TemporaryFolder folder;
  const std::string file = folder.file("plans.txt");
  Program first{kFakes, file};
  CHECK(first.choose() == "fast");
  CHECK(read_bytes(file).starts_with(first.machine + "\t" + ConvProblem{}.text() + "\tbroken\tbad\n"));

  Program second{kFakes, file};
  second.fakes[0].fails = false;  // or it would be the fastest
  second.fakes[2].fails = true;   // the one that was chosen
  CHECK(second.choose() == "slow");
  CHECK(second.choose() == "slow");
  CHECK(second.lists == 1);
  second.measure = false;
  CHECK(second.choose() == "slow");
  second.machine = "another GPU";
  CHECK(second.choose() == "broken");
}

TEST_CASE("a fault that shows when the device is waited for is its algorithm's, and the next one is taken") {
  const auto fault = [] { emulated::failures().fault_pending = true; };
  for (const bool measure : {true, false}) {
    Program program{{{"faulty", 1, 0, false, fault}, {"sound", 1000}}, "", "a GPU", measure};
    CHECK(program.choose() == "sound");
  }
  // One that works at first and not in the measurement.
  int runs = 0;
  Program program{{{"moody", 1}, {"sound", 1000}}, ""};
  program.fakes[0].when_run = [&] {
    if (++runs == 3) emulated::failures().fault_pending = true;
  };
  CHECK(program.choose() == "sound");
}

TEST_CASE(
    "a fault that takes the device along, or a way without an end, ends the run by its name; the next run goes on") {
  for (const bool endless : {false, true}) {
    const TemporaryFolder folder;
    const std::string file = folder.file("plans.txt");
    const auto when_run = [&] { (endless ? emulated::failures().is_endless : emulated::failures().is_lost) = true; };
    Program program{{{"fatal", 1, 0, false, when_run}, {"sound", 1000}}, file};
    std::string error;
    try {
      program.choose();
    } catch (const Error& caught) {
      error = caught.what();
    }
    CHECK(error.starts_with("CUDA: fatal for " + ConvProblem{}.text() + ": "));
    CHECK(error.find(endless ? "does not end" : "illegal memory access") != std::string::npos);
    CHECK(error.ends_with("Start it again: that algorithm is left out then, says " + file));
    emulated::failures() = {};
    CHECK(program.choose() == "sound");
  }
}

TEST_CASE("results that are not written or wrong cost an algorithm its place") {
  const ConvProblem problem{.op = ConvOp::data_grad,
                            .x = {DType::f32, {1, 4, 4, 8}},
                            .w = {DType::f32, {4, 1, 1, 8}},
                            .y = {DType::f32, {1, 4, 4, 4}}};
  void* memory = nullptr;
  REQUIRE(cudaMalloc(&memory, problem.x.bytes()) == cudaSuccess);
  auto* const result = static_cast<float*>(memory);
  const auto write = [&](float factor) {
    return [=] {
      for (std::int64_t i = 0; i < problem.x.elements(); ++i) result[i] = factor * static_cast<float>(i % 5 - 2);
    };
  };
  for (const bool measure : {true, false}) {
    Program program{{{"silent", 1}, {"wrong", 1, 0, false, write(-1)}, {"right", 100, 0, false, write(1.0001f)}},
                    "",
                    "a GPU",
                    measure};
    program.operands.result = result;
    program.reference = [&](const ConvProblem&, const ConvOperands&) { write(1)(); };
    CHECK(program.choose(problem) == "right");
    program.fakes.pop_back();
    CHECK(program.choose(problem) == "none");
  }
  cudaFree(memory);
}

TEST_CASE("a library that fails when it is asked for algorithms has none") {
  const Stream stream;
  const ConvLibrary broken{
      [](const ConvProblem&) -> ConvAlgorithms { fail("INVALID_VALUE"); },
      [](const ConvProblem&, const std::string&) -> std::unique_ptr<ConvAlgorithm> { fail("no"); }};
  const ConvLibrary sound{[](const ConvProblem&) {
                            ConvAlgorithms all;
                            all.push_back(std::make_unique<FakeAlgorithm>(Fake{"sound", 1}, nullptr));
                            return all;
                          },
                          [](const ConvProblem&, const std::string&) { return nullptr; }};
  ConvChooser chooser({broken, sound}, PlanFile("", "a GPU"), true);
  const auto chosen = chooser.choose({}, {stream.get(), 1}, {}, [](std::size_t) { return nullptr; });
  REQUIRE(chosen);
  CHECK(chosen->name() == "sound");
}

TEST_CASE("a choice that another program wrote during the measurement is taken over") {
  const TemporaryFolder folder;
  const std::string file = folder.file("plans.txt");
  Program program{kFakes, file};
  bool written = false;
  program.on_run = [&] {
    if (!std::exchange(written, true)) PlanFile(file, program.machine).add(ConvProblem{}.text(), "slow", 1);
  };
  CHECK(program.choose() == "slow");
  const std::string text = read_bytes(file);
  CHECK(text.find("\tslow\t") != std::string::npos);
  CHECK(text.find("\tfast\t") == std::string::npos);
}

TEST_CASE("lines that make no sense are left alone: another kind of file, and a line whose writer was killed") {
  const TemporaryFolder folder;
  const std::string file = folder.file("plans.txt");
  const std::string foreign = std::string("\0\1\2 not text\na\tb\n\n\t\t\t\na\tb\tc\td\te\n", 33) + "a GPU, some libr";
  write_bytes(file, foreign);
  CHECK(Program{kFakes, file}.choose() == "fast");
  Program second{kFakes, file};
  CHECK(second.choose() == "fast");
  CHECK(second.lists == 0);
  CHECK(read_bytes(file).starts_with(foreign + "\n"));
}

TEST_CASE("a path that cannot be written, or is a folder, costs the memory of choices and nothing else") {
  const TemporaryFolder folder;
  write_bytes(folder.file("file"), "");
  for (const std::string& path : {folder.file("file/plans.txt"), folder.path().string()}) {
    Program program{kFakes, path};
    CHECK(program.choose() == "fast");
    CHECK(program.choose() == "fast");
    CHECK(program.lists == 2);
  }
}

TEST_CASE("programs that write choices at the same time lose none") {
  const TemporaryFolder folder;
  const std::string file = folder.file("plans.txt");
  constexpr int kChoices = 300;
  const auto write = [&](const std::string& name) {
    PlanFile plans(file, "machine");
    for (int i = 0; i < kChoices; ++i) plans.add(name + std::to_string(i), name, i);
  };
  std::thread one(write, "one"), two(write, "two");
  one.join();
  two.join();
  PlanFile plans(file, "machine");
  for (int i = 0; i < kChoices; ++i) {
    CHECK(plans.find("one" + std::to_string(i)) == "one");
    CHECK(plans.find("two" + std::to_string(i)) == "two");
  }
}

TEST_CASE("the file's place comes from the option, the environment, or the user's cache folder") {
  const auto with = [](const char* plans, const char* cache, const char* home, const std::string& asked = "") {
    for (const auto& [name, value] :
         {std::pair{"DGSAM_PLAN_CACHE", plans}, {"XDG_CACHE_HOME", cache}, {"HOME", home}}) {
      value ? setenv(name, value, 1) : unsetenv(name);
    }
    return plan_file_path(asked);
  };
  const auto saved = [](const char* name) { return std::string(std::getenv(name) ? std::getenv(name) : ""); };
  const std::string plans = saved("DGSAM_PLAN_CACHE"), cache = saved("XDG_CACHE_HOME"), home = saved("HOME");
  CHECK(with("/p/q.txt", "/c", "/h") == "/p/q.txt");
  CHECK(with("/p/q.txt", "/c", "/h", "/asked.txt") == "/asked.txt");
  CHECK(with("/p/q.txt", "/c", "/h", "none").empty());
  CHECK(with("none", "/c", "/h").empty());
  CHECK(with(nullptr, "/c", "/h") == "/c/dgsam/conv-plans.txt");
  CHECK(with(nullptr, nullptr, "/h") == "/h/.cache/dgsam/conv-plans.txt");
  CHECK(with(nullptr, nullptr, nullptr).empty());
  with(plans.empty() ? nullptr : plans.c_str(), cache.empty() ? nullptr : cache.c_str(), home.c_str());
}
