// Finished runs made by hand, as dgsam-run train leaves them, and what tests ask of a page.
#pragma once

#include <filesystem>
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

/// What is wrong with the nesting of the elements, or "" when each one is closed in its turn.
inline std::string nesting_error(const std::string& html) {
  std::vector<std::string> open;
  for (std::size_t at = html.find('<'); at != std::string::npos; at = html.find('<', at + 1)) {
    const std::size_t end = html.find('>', at);
    if (end == std::string::npos) return "an element without an end";
    const std::string inside = html.substr(at + 1, end - at - 1);
    const bool closing = inside.front() == '/';
    const std::string name = inside.substr(closing, inside.find_first_of(" />\n", closing) - closing);
    if (closing) {
      if (open.empty() || open.back() != name) return "</" + name + "> closes " + (open.empty() ? "" : open.back());
      open.pop_back();
    } else if (inside.back() != '/' && name != "!DOCTYPE" && name != "meta" && name != "img" && name != "br") {
      open.push_back(name);
    }
  }
  return open.empty() ? "" : open.back() + " is not closed";
}

}  // namespace dgsam
