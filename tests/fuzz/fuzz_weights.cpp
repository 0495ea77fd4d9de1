// Weight files: safetensors, .pth of both serialisations with their pickles, and what resembles them.
#include "engine/io/tensor_file.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  dgsam::expect_error_at_most([&] {
    const auto file = dgsam::open_tensor_file({std::as_bytes(std::span(data, size)), "fuzz"});
    for (const auto& entry : file->entries()) {
      dgsam::expect_error_at_most([&] { file->read_bytes(entry); });
      dgsam::expect_error_at_most([&] { file->read_as<float>(entry.name); });
    }
  });
  return 0;
}
