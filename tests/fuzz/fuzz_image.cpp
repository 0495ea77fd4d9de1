// Every image decoder, and what follows it. A PNG's checksums are mended first: without that, damage would seldom get
// any further.
#include <zlib.h>

#include <vector>

#include "data/image.h"
#include "data/resize.h"
#include "tests/fuzz/fuzz.h"

namespace {

std::uint32_t big_endian(const std::uint8_t* at) {
  return static_cast<std::uint32_t>(at[0]) << 24 | static_cast<std::uint32_t>(at[1]) << 16 |
         static_cast<std::uint32_t>(at[2]) << 8 | at[3];
}

void mend_png(std::vector<std::uint8_t>& bytes) {
  if (bytes.size() < 8 || bytes[1] != 'P' || bytes[2] != 'N') return;
  for (std::size_t at = 8; bytes.size() - at >= 12;) {
    const std::size_t length = big_endian(&bytes[at]);
    if (length > bytes.size() - at - 12) return;
    const auto sum = crc32_z(0, &bytes[at + 4], length + 4);
    for (std::size_t i = 0; i < 4; ++i) bytes[at + 8 + length + i] = static_cast<std::uint8_t>(sum >> (24 - 8 * i));
    at += length + 12;
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::uint8_t> bytes(data, data + size);
  mend_png(bytes);
  dgsam::expect_error_at_most([&] {
    dgsam::DecodeReport report;
    const dgsam::Image image = dgsam::decode_image(bytes, "fuzz", &report);
    if (image.width < 4096 && image.height < 4096) dgsam::resize_bilinear(image, 8, 8);
  });
  return 0;
}
