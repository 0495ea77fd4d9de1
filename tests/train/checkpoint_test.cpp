// What eval and predict accept as a checkpoint.
#include "tools/train/checkpoint.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "engine/core/check.h"
#include "tests/temporary_folder.h"

namespace dgsam {
namespace {

std::map<std::string, std::string> metadata() {
  TrainConfig config;
  config.data_dir = "data";
  config.image_size = 32;
  config.channels = 2;
  return {{"config", config.to_json().dump()},
          {"step", "12"},
          {"classes", R"(["cat", "dog"])"},
          {"domains", R"(["art", "photo"])"},
          {"normalisation", R"({"mean": [0.1, 0.2, 0.3], "std": [1, 2, 3]})"},
          {"revision", "abc"}};
}

std::string error_with(const std::string& key, const std::string& value) {
  auto changed = metadata();
  changed[key] = value;
  const std::string error = error_of([&] { parse_checkpoint(changed, "file"); });
  CHECK(error.find("file") == 0);
  CHECK(error.find(key) != std::string::npos);
  CHECK_THROWS_AS(parse_checkpoint(changed, "file"), Error);
  return error;
}

TEST_CASE("a checkpoint's metadata give its transform, classes and step") {
  const Checkpoint checkpoint = parse_checkpoint(metadata(), "file");
  CHECK(checkpoint.step == 12);
  CHECK(checkpoint.revision == "abc");
  CHECK(checkpoint.classes == std::vector<std::string>{"cat", "dog"});
  CHECK(checkpoint.domains == std::vector<std::string>{"art", "photo"});
  const TransformSpec transform = checkpoint.transform();
  CHECK(transform.image_size == 32);
  CHECK(transform.channels == 2);
  CHECK_FALSE(transform.augment);
  CHECK(transform.mean == std::array{0.1f, 0.2f, 0.3f});
  CHECK(transform.std == std::array{1.0f, 2.0f, 3.0f});
  CHECK(checkpoint.config.model == "resnet50");

  auto without_domains = metadata();
  without_domains.erase("domains");
  CHECK(parse_checkpoint(without_domains, "file").domains.empty());
}

TEST_CASE("a file that train did not write: the error lists the missing keys") {
  const std::string error = error_of([] { parse_checkpoint({{"format", "pt"}, {"step", "3"}}, "resnet.safetensors"); });
  CHECK(
      error ==
      "resnet.safetensors lacks the metadata config, classes, normalisation, revision: it is not a checkpoint written "
      "by dgsam-run train, which eval and predict need");
}

TEST_CASE("metadata that make no sense are errors that name the file and the key") {
  for (const char* text : {"", "{", "[1, 2", "\xff\xfe", "nul", "{\"a\": }"}) {
    for (const char* key : {"config", "classes", "domains", "normalisation"}) error_with(key, text);
  }
  for (const char* text : {"", "-1", "1.5", "3 ", "99999999999999999999", "x"}) error_with("step", text);
  for (const char* text : {"{}", "null", "7", "[]", R"(["cat"])", R"(["cat", 2])", R"({"a": "b"})"})
    error_with("classes", text);
  for (const char* text : {"[]", "null", R"([[]])"}) error_with("domains", text);
  for (const char* text : {"[]", "null", "{}", R"({"mean": [0, 0, 0]})", R"({"mean": [0, 0], "std": [1, 1, 1]})",
                           R"({"mean": [0, 0, "x"], "std": [1, 1, 1]})", R"({"mean": [0, 0, 1e300], "std": [1, 1, 1]})",
                           R"({"mean": [0, 0, 0], "std": [1, 0, 1]})", R"({"mean": [0, 0, 0], "std": [1, -1, 1]})"})
    error_with("normalisation", text);
  for (const char* text : {"[]", "null", "3", "{}"}) error_with("config", text);
  for (const char* field : {R"("image_size": "big")", R"("image_size": 0)", R"("image_size": 1e9)", R"("holdout": 7)",
                            R"("precision": 3)"}) {
    const std::string error = error_with("config", R"({"data_dir": "data", )" + std::string(field) + "}");
    CHECK(error.find("data_dir") == std::string::npos);
  }
}

TEST_CASE("data of other domains or classes: the error names the first difference") {
  const Checkpoint checkpoint = parse_checkpoint(metadata(), "file");
  ImageFolder folder{.root = "data", .domains = {{"art", {}}, {"photo", {}}}, .classes = {"cat", "dog"}, .notes = {}};
  require_same_data(checkpoint, folder);
  const auto error = [&] { return error_of([&] { require_same_data(checkpoint, folder); }); };
  folder.domains[1].name = "sketch";
  CHECK(error().find("domain 1 is 'photo' in file and 'sketch' in data") == 0);
  folder.domains.pop_back();
  CHECK(error().find("domain 1 is 'photo' in file and missing in data") == 0);
  folder.domains = {{"art", {}}, {"photo", {}}};
  folder.classes = {"cat", "dog", "emu"};
  CHECK(error().find("class 2 is missing in file and 'emu' in data") == 0);
}

}  // namespace
}  // namespace dgsam
