// Runs that are stopped: by kill -9 at any instant, by a signal, by a full disk, by damage. Each one, resumed, must end
// with the bits of a run that nothing happened to.
#include <doctest/doctest.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "data/styled_fashion.h"
#include "engine/core/rng.h"
#include "tests/process.h"
#include "tests/temporary_folder.h"
#include "tools/train/run_files.h"
#include "tools/train/run_state.h"

namespace dgsam {
namespace {

namespace fs = std::filesystem;

/// The demo's images, few of them, and one run on them that nothing happened to.
class Demo {
 public:
  Demo() {
    make_styled_fashion(folder_.file("data"), {.images_per_domain = 100, .upstream = 0}, {});
    const int status = Process(arguments("reference"), log()).wait();
    REQUIRE_MESSAGE(status == 0, said());
  }

  std::vector<std::string> arguments(const std::string& out) const {
    return {"train",
            "--resume",
            "--data-dir",
            folder_.file("data/styled_fashion"),
            "--test-env",
            "photo",
            "--model",
            "mnist-cnn",
            "--image-size",
            "28",
            "--algorithm",
            "dgsam",
            "--steps",
            "24",
            "--eval-every",
            "8",
            "--batch-size",
            "2",
            "--lr",
            "1e-3",
            "--dropout",
            "0.1",
            "--save-every",
            "2",
            "--threads",
            "1",
            "--holdout",
            "0.5",
            "--out",
            path(out),
            "--sharpness-images",
            "8"};
  }
  std::string path(const std::string& name) const { return folder_.file(name); }
  std::string log() const { return folder_.file("log"); }
  std::string said() const { return read_bytes(log()); }

  void check_equals_reference(const std::string& out) const {
    for (const char* name : {"metrics.jsonl", "last.safetensors", "best.safetensors", "program.txt"}) {
      CHECK_MESSAGE(read_bytes(path(out) + "/" + name) == read_bytes(path("reference") + "/" + name), name);
    }
    CHECK(read_bytes(path(out) + "/done") == "done");
    CHECK(!fs::exists(path(out) + "/" + kStateFile));
  }
  /// Runs until there is a state, and stops by a signal.
  void stop_midway(const std::string& out) const {
    const Process process(arguments(out), log());
    while (!fs::exists(path(out) + "/" + kPreviousStateFile)) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    process.signal(SIGTERM);
    REQUIRE(process.wait() == 128 + SIGTERM);
    CHECK(said().find("continue with: dgsam-run train --resume --out " + path(out)) != std::string::npos);
  }

 private:
  TemporaryFolder folder_;
};

/// A run killed at ten random instants ends with the same bits in weights and metrics.
void check_kills(std::uint64_t seed) {
  const Demo demo;
  RandomStream random(seed, "kill");
  int kills = 0;
  for (int run = 0; kills < 10; ++run) {
    const std::string out = "killed" + std::to_string(run);
    // The time grows with the attempts, so that a slow machine gets through.
    for (int attempt = 0;; ++attempt) {
      const Process process(demo.arguments(out), demo.log());
      const double seconds = random.uniform(0.0, 0.3 * (1 + 0.1 * attempt));
      std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
      process.signal(SIGKILL);
      const int status = process.wait();
      if (status == 0) break;
      INFO(demo.said());
      REQUIRE(status == 128 + SIGKILL);
      ++kills;
    }
    demo.check_equals_reference(out);
  }
}

TEST_CASE("a run killed at ten random instants ends with the same bits in weights and metrics") { check_kills(11); }
TEST_CASE("a run killed at ten other instants ends with the same bits in weights and metrics") { check_kills(12); }

TEST_CASE("a run stopped by a signal says how to go on, and goes on without another flag") {
  const Demo demo;
  demo.stop_midway("stopped");
  REQUIRE(Process({"train", "--resume", "--out", demo.path("stopped")}, demo.log()).wait() == 0);
  demo.check_equals_reference("stopped");
  CHECK(Process({"train", "--resume", "--out", demo.path("stopped")}, demo.log()).wait() == 0);
  CHECK(demo.said().find("complete: nothing to resume") != std::string::npos);
}

TEST_CASE("a damaged state is found by its checksum and the one before it is used; without one the run says so") {
  const Demo demo;
  demo.stop_midway("damaged");
  const std::string newest = demo.path("damaged") + "/" + kStateFile;
  const std::string previous = demo.path("damaged") + "/" + kPreviousStateFile;
  const std::string whole = read_bytes(newest);

  std::string flipped = whole;
  flipped[flipped.size() / 2] = static_cast<char>(flipped[flipped.size() / 2] ^ 4);
  const std::string previous_whole = read_bytes(previous);
  write_bytes(newest, flipped);
  write_bytes(previous, whole.substr(0, whole.size() / 3));
  CHECK(Process(demo.arguments("damaged"), demo.log()).wait() == 1);
  CHECK(demo.said().find("is damaged: its checksum is") != std::string::npos);
  CHECK(demo.said().find("--overwrite") != std::string::npos);

  write_bytes(previous, previous_whole);
  CHECK(Process(demo.arguments("damaged"), demo.log()).wait() == 0);
  CHECK(demo.said().find("trying the state before it") != std::string::npos);
  demo.check_equals_reference("damaged");
}

TEST_CASE("a full disk stops a run with everything before it intact") {
  const Demo demo;
  demo.stop_midway("full");
  const std::string before = read_bytes(demo.path("full") + "/" + kStateFile);
  // The states are larger than this, so the next one does not fit.
  const rlim_t limit = before.size() / 2;
  CHECK(Process(demo.arguments("full"), demo.log(), limit).wait() == 1);
  CHECK(demo.said().find("cannot write " + demo.path("full")) != std::string::npos);
  CHECK(read_bytes(demo.path("full") + "/" + kStateFile) == before);
  CHECK(Process(demo.arguments("full"), demo.log()).wait() == 0);
  demo.check_equals_reference("full");
}

TEST_CASE("a run's folder belongs to one process") {
  const TemporaryFolder folder;
  const RunFiles first(folder.path(), RunFiles::Existing::refuse);
  const std::string error = error_of([&] { RunFiles(folder.path(), RunFiles::Existing::resume); });
  CHECK(error.find("is in use by process " + std::to_string(::getpid())) != std::string::npos);
}

TEST_CASE("a resumed run refuses other flags and other data, and names the difference") {
  const Demo demo;
  demo.stop_midway("other");
  std::vector<std::string> arguments = demo.arguments("other");
  arguments.insert(arguments.end(), {"--rho", "0.2"});
  CHECK(Process(arguments, demo.log()).wait() == 1);
  CHECK(demo.said().find("--rho is 0.2, but the run in " + demo.path("other") + " was begun with 0.05") !=
        std::string::npos);
  for (const fs::path& image : fs::directory_iterator(demo.path("data/styled_fashion/cartoon/bag"))) {
    fs::remove(image);
    break;
  }
  CHECK(Process(demo.arguments("other"), demo.log()).wait() == 1);
  CHECK(demo.said().find("is not what it was") != std::string::npos);
}

}  // namespace
}  // namespace dgsam
