#include "models/known_weights.h"

#include <doctest/doctest.h>

#include "engine/io/safetensors.h"
#include "tests/temporary_folder.h"

using namespace dgsam;

TEST_CASE("a file whose name promises another SHA-256 is called changed or damaged") {
  const TemporaryFolder folder;
  const std::string bytes = read_bytes(std::string(DGSAM_SOURCE_DIR) + "/tests/golden/pth/plain.pth");
  write_bytes(folder.file("plain.pth"), bytes);
  write_bytes(folder.file("resnet50-0676ba61.pth"), bytes);
  write_bytes(folder.file("resnet50-notahash.pth"), bytes);
  const auto plain = open_tensor_file(folder.file("plain.pth"));
  const std::string digits = plain->sha256().substr(0, 8);
  write_bytes(folder.file("plain-" + digits + ".pth"), bytes);
  const auto note = [&](const std::string& name) { return known_weights_note(*open_tensor_file(folder.file(name))); };
  CHECK(note("plain.pth") == "");
  CHECK(note("resnet50-notahash.pth") == "");
  CHECK(note("plain-" + digits + ".pth") == "");
  CHECK(note("resnet50-0676ba61.pth") == folder.file("resnet50-0676ba61.pth") + ": its SHA-256 begins with " + digits +
                                             ", not with 0676ba61 as its name says: it was changed, or its download "
                                             "was damaged");
  write_safetensors(folder.file("resnet50-0676ba61.safetensors"), {});
  CHECK(note("resnet50-0676ba61.safetensors") == "");
}
