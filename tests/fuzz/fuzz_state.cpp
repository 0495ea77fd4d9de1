// The state that a run is resumed from: whatever the file holds, it is a state whose checksum is right, or an Error.
#include "engine/make_backend.h"
#include "tests/fuzz/fuzz.h"
#include "tests/temporary_folder.h"
#include "tools/train/run_progress.h"
#include "tools/train/run_state.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dgsam;
  static const TemporaryFolder folder;
  static const auto backend = make_backend("cpu", {.threads = 1, .onednn = false});
  static FlatVector theta = [] {  // as make_corpus.py writes it
    auto layout = std::make_shared<FlatLayout>();
    layout->add("w", {FlatLayout::kAlignment});
    return FlatVector(*backend, layout, DType::f32);
  }();
  write_bytes(folder / kStateFile, std::string(as_text(data, size)));
  expect_error_at_most([] {
    load_state(
        folder.path(), *backend, {{"theta", &theta}}, [](const std::string& text) { RunProgress::from_text(text); },
        [](const std::string&) {});
  });
  expect_error_at_most([&] { RunProgress::from_text(std::string(as_text(data, size))); });
  return 0;
}
