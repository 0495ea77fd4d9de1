// The folder of one training run: config.json, metrics.jsonl, results.jsonl, summary.json, checkpoints, done.
#pragma once

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

namespace dgsam {

class RunFiles {
 public:
  /// Makes the folder if need be. Throws Error when it holds a run already and `overwrite` is false, or when it holds
  /// anything that no run writes: nothing of a user's is ever removed.
  RunFiles(const std::filesystem::path& folder, bool overwrite);
  /// Removes the run that the folder holds and opens the new one's files. Called when everything that can be wrong
  /// with the configuration has been found, so that a mistake costs nothing.
  void begin();

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  /// One line of metrics.jsonl. Numbers are printed so that reading them gives the same bits.
  void metrics(const nlohmann::ordered_json& line) { append(metrics_, "metrics.jsonl", line); }
  /// One line of results.jsonl, on disk when this returns.
  void results(const nlohmann::json& line);
  /// A whole file, replaced atomically.
  void write(const std::string& name, const std::string& text) const;
  void write_json(const std::string& name, const nlohmann::ordered_json& object) const {
    write(name, object.dump(2) + "\n");
  }
  void flush();

 private:
  void append(std::ofstream& file, const char* name, const nlohmann::ordered_json& line);

  std::filesystem::path folder_;
  std::ofstream metrics_, results_;
};

}  // namespace dgsam
