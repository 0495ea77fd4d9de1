// Finished runs made by hand, as dgsam-run train leaves them.
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/temporary_folder.h"

namespace dgsam {

/// A finished run of four steps over three domains, as dgsam-run train leaves it.
inline std::filesystem::path make_run(const std::filesystem::path& root, const std::string& name,
                                      const std::string& algorithm, const std::string& test_env) {
  const std::filesystem::path run = root / name;
  write_bytes(run / "config.json", R"({"algorithm": ")" + algorithm +
                                       R"(", "lr": 5e-05, "adam": {"beta1": 0.9}, "versions": {"oneDNN": "2.7"}})");
  write_bytes(
      run / "metrics.jsonl",
      "{\"step\":0,\"loss\":2.0}\n{\"step\":1,\"loss\":1.5}\n{\"step\":2,\"loss\":null}\n{\"step\":3,\"loss\":1.0}\n");
  write_bytes(run / "results.jsonl",
              "{\"step\":0,\"env0_in_acc\":0.1,\"env0_out_acc\":0.2,\"env1_out_acc\":0.3,\"env2_out_acc\":0.5}\n"
              "{\"step\":4,\"env0_in_acc\":0.5,\"env0_out_acc\":0.4,\"env1_out_acc\":0.7,\"env2_out_acc\":0.9}\n");
  write_bytes(run / "summary.json", R"({"algorithm": ")" + algorithm + R"(", "test_env": )" + test_env +
                                        R"(, "domains": ["art", "photo", "sketch"], "seconds": 12.34,
    "domain_gradients": 12, "peak_rss_mb": 345.6,
    "accuracy": {"env0_in": 0.5, "env0_out": 0.4, "env1_in": 0.95, "env1_out": 0.7, "env2_in": 0.8, "env2_out": 0.9},
    "sharpness": {"photo": 0.25, "sketch": 0.75}, "sharpness_total": 0.3})");
  return run;
}

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// Merges `change` into a JSON file of a run.
inline void edit(const std::filesystem::path& path, const nlohmann::ordered_json& change) {
  nlohmann::ordered_json json = nlohmann::ordered_json::parse(read_bytes(path));
  json.merge_patch(change);
  write_bytes(path, json.dump());
}

/// A run of a trial with an accuracy on the unseen domain and a sharpness of both sources.
inline std::filesystem::path trial_run(const std::filesystem::path& root, const std::string& algorithm, int unseen,
                                       int trial, double accuracy, double sharpness,
                                       const nlohmann::ordered_json& config = nlohmann::ordered_json::object()) {
  const std::string name = algorithm + std::to_string(unseen) + std::to_string(trial) +
                           std::to_string(std::hash<std::string>()(config.dump()));
  const std::filesystem::path run = make_run(root, name, algorithm, std::to_string(unseen));
  edit(run / "config.json", {{"trial_seed", trial}, {"seed", trial}});
  edit(run / "config.json", config);
  edit(run / "summary.json", {{"accuracy", {{"env" + std::to_string(unseen) + "_in", accuracy}}},
                              {"sharpness", {{"art", sharpness}, {"photo", sharpness}, {"sketch", sharpness}}},
                              {"domain_gradients", algorithm == "erm" ? 6 : 12},
                              {"seconds", algorithm == "erm" ? 10 : 15}});
  write_bytes(run / "done", "done");
  return run;
}

}  // namespace dgsam
