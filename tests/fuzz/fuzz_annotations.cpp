// Camera-trap annotations, as data import terra-incognita reads them.
#include "data/camera_traps.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  dgsam::expect_error_at_most([&] { dgsam::parse_annotations(dgsam::as_text(data, size), "fuzz"); });
  return 0;
}
