// A run that does not fit says so before it starts, and what would.
#include "tools/memory_need.h"

#include <doctest/doctest.h>

#include "tests/temporary_folder.h"

using namespace dgsam;

namespace {

constexpr std::size_t kMiB = 1 << 20;

MemoryNeed need_of(int batch_size) {
  const auto activations = [](int images) { return (100 + 50 * static_cast<std::size_t>(images)) * kMiB; };
  return {activations(batch_size), 700 * kMiB, 2 * static_cast<std::size_t>(batch_size) * kMiB, batch_size,
          activations};
}

}  // namespace

TEST_CASE("what fits is let through, to the byte") {
  require_memory(need_of(8), 500 * kMiB);
  CHECK(!error_of([] { require_memory(need_of(8), 500 * kMiB - 1); }).empty());
}

TEST_CASE("out of memory: the error names every part, what is free, and the largest batch that fits") {
  // 10 images need 600 MiB: the 560 that are free, and 44 that 22 images fewer per batch give back.
  const std::string error = error_of([] { require_memory(need_of(32), 560 * kMiB); });
  CHECK(error.find("a pass over 32 images needs 1700 MiB for activations") != std::string::npos);
  CHECK(error.find("560 MiB are free beside 700 MiB of parameters") != std::string::npos);
  CHECK(error.find("64 MiB of batches") != std::string::npos);
  CHECK(error.find("--batch-size 10 would fit") != std::string::npos);
}

TEST_CASE("out of memory: when no batch fits the error says that") {
  CHECK(error_of([] { require_memory(need_of(4), 90 * kMiB); }).find("not even --batch-size 1") != std::string::npos);
}
