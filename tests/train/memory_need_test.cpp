// A run that does not fit says so before it starts, and what would.
#include "tools/train/memory_need.h"

#include <doctest/doctest.h>

#include "tests/temporary_folder.h"

using namespace dgsam;

namespace {

constexpr std::size_t kMiB = 1 << 20;

MemoryNeed need_of(int batch_size) {
  const auto activations = [](int images) { return (100 + 50 * static_cast<std::size_t>(images)) * kMiB; };
  return {.activations = activations(batch_size),
          .vectors = 700 * kMiB,
          .batches = 2 * static_cast<std::size_t>(batch_size) * kMiB,
          .scratch = 40 * kMiB,
          .batch_size = batch_size,
          .activations_of = activations};
}

}  // namespace

TEST_CASE("what fits is let through, to the byte") {
  require_memory(need_of(8), 540 * kMiB);
  CHECK(!error_of([] { require_memory(need_of(8), 540 * kMiB - 1); }).empty());
}

TEST_CASE("out of memory: the error names every part, what is free, and the largest batch that fits") {
  // 10 images need 600 MiB: and 40 of scratch: the 600 that are free, and 44 that 22 images fewer per batch give back.
  const std::string error = error_of([] { require_memory(need_of(32), 600 * kMiB); });
  CHECK(error.find("a pass over 32 images needs 1700 MiB for activations and up to 40 MiB of scratch memory") !=
        std::string::npos);
  CHECK(error.find("600 MiB are free beside 700 MiB of parameters") != std::string::npos);
  CHECK(error.find("64 MiB of batches") != std::string::npos);
  CHECK(error.find("--batch-size 10 would fit") != std::string::npos);
}

TEST_CASE("out of memory: when no batch fits the error says that") {
  CHECK(error_of([] { require_memory(need_of(4), 130 * kMiB); }).find("not even --batch-size 1") != std::string::npos);
}

TEST_CASE("out of memory on a CPU: the error speaks of the host's memory and of saving the state") {
  MemoryNeed need = need_of(32);
  need.on_host = true;
  const std::string error = error_of([&] { require_memory(need, 600 * kMiB); });
  CHECK(error.find("out of memory: a pass over 32 images needs 1700 MiB") == 0);
  CHECK(error.find("40 MiB of scratch memory and to save the state, and 600 MiB are free (of the machine, or of") !=
        std::string::npos);
  CHECK(error.find("--batch-size 10 would fit") != std::string::npos);
}
