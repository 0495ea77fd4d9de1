// IDX files, plain and gzipped.
#include "data/idx.h"
#include "tests/fuzz/fuzz.h"
#include "tests/temporary_folder.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const dgsam::TemporaryFolder folder;
  const auto path = dgsam::write_bytes(folder / "idx", std::string(dgsam::as_text(data, size)));
  dgsam::expect_error_at_most([&] { dgsam::read_idx(path); });
  return 0;
}
