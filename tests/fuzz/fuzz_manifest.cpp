// Lists of images, as --manifest reads them: the first byte of an input says in which form.
#include "data/manifest_rows.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text = dgsam::as_text(data + 1, size - 1);
  dgsam::expect_error_at_most([&] {
    if (data[0] == 'j') {
      dgsam::read_json_rows(text, "fuzz");
    } else {
      dgsam::read_csv_rows(text, "fuzz");
    }
  });
  return 0;
}
