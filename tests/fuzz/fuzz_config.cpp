// JSON that a run or a checkpoint carries: the configuration, classes, domains, normalisation. The input stands in for
// each of them.
#include <nlohmann/json.hpp>

#include "tests/fuzz/fuzz.h"
#include "tools/train/checkpoint.h"
#include "tools/train/train_config.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dgsam;
  const std::string text(as_text(data, size));
  expect_error_at_most([&] {
    const auto json = nlohmann::ordered_json::parse(text, nullptr, false);
    TrainConfig config = TrainConfig::from_json(json, "fuzz");
    resolve(config);
  });
  const std::map<std::string, std::string> valid{{"config", R"({"model": "resnet18"})"},
                                                 {"step", "3"},
                                                 {"classes", R"(["a", "b"])"},
                                                 {"domains", R"(["x", "y"])"},
                                                 {"normalisation", R"({"mean": [0, 0, 0], "std": [1, 1, 1]})"},
                                                 {"revision", "r"}};
  for (const auto& [key, value] : valid) {
    auto metadata = valid;
    metadata[key] = text;
    expect_error_at_most([&] { parse_checkpoint(metadata, "fuzz").transform(); });
  }
  return 0;
}
