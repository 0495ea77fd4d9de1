// What one step of each method asks of the device, as text: tests/golden/steps/. A change of the sequence is a change
// of these files; DGSAM_WRITE_GOLDEN=1 in the environment writes them anew, for `git diff` to show.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "engine/check/trace_backend.h"
#include "engine/cuda/cuda_kernel_backend.h"
#include "tests/cuda/network_training.h"

using namespace dgsam;

namespace {

std::vector<std::string> lines_of(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

bool is_any_of(const std::string& line, std::initializer_list<const char*> words) {
  return std::any_of(words.begin(), words.end(), [&](const char* word) { return line.starts_with(word); });
}

}  // namespace

TEST_CASE("one step of each method is the pinned sequence of operations, neither allocating nor waiting") {
  CudaKernelBackend cuda;
  for (const std::string name : {"erm", "sam", "gsam", "sagm", "disam", "gga-l", "dgsam"}) {
    CAPTURE(name);
    TraceBackend trace(cuda);
    NetworkTraining training(trace, name);
    training.step();
    trace.clear();
    training.step();  // recorded: what the host gives, then the operations
    const std::vector<std::string> lines = trace.lines();
    const auto given =
        std::find_if(lines.rbegin(), lines.rend(), [](const std::string& line) { return line.starts_with("upload"); });
    REQUIRE(given != lines.rend());
    for (const std::string& line : lines) {
      CHECK_FALSE(is_any_of(line, {"allocate", "download", "synchronize"}));
    }

    const std::string path = DGSAM_SOURCE_DIR "/tests/golden/steps/" + name + ".txt";
    if (std::getenv("DGSAM_WRITE_GOLDEN")) {
      std::ofstream file(path);
      for (const std::string& line : lines) file << line << "\n";
    }
    const std::vector<std::string> expected = lines_of(path);
    for (std::size_t i = 0; i < std::min(lines.size(), expected.size()); ++i) {
      CAPTURE(i + 1);
      REQUIRE(lines[i] == expected[i]);
    }
    CHECK(lines.size() == expected.size());

    trace.clear();
    training.step();  // replayed: only what the host gives
    CHECK(trace.lines() == std::vector<std::string>(lines.begin(), given.base()));
  }
}
