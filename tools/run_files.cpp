#include "tools/run_files.h"

#include <algorithm>
#include <array>

#include "engine/core/check.h"
#include "engine/io/atomic_file.h"

namespace dgsam {

namespace {

constexpr std::array kOurs = {"config.json",      "metrics.jsonl",    "results.jsonl", "summary.json",
                              "last.safetensors", "best.safetensors", "program.txt",   "done"};

}  // namespace

RunFiles::RunFiles(const std::filesystem::path& folder, bool overwrite) : folder_(folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  require(!error && std::filesystem::is_directory(folder), "--out ", folder.string(),
          " cannot be made: ", error ? error.message() : "it is a file");
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    const bool ours = std::find(kOurs.begin(), kOurs.end(), name) != kOurs.end();
    require(ours, "--out ", folder.string(), " holds ", name, ", which is not part of a run: choose another folder");
    require(overwrite, "--out ", folder.string(), " holds a run already: choose another folder, or replace it with ",
            "--overwrite");
  }
}

void RunFiles::begin() {
  for (const char* name : kOurs) std::filesystem::remove(folder_ / name);
  metrics_.open(folder_ / "metrics.jsonl");
  results_.open(folder_ / "results.jsonl");
  require(metrics_ && results_, "--out ", folder_.string(), " cannot be written to");
}

void RunFiles::append(std::ofstream& file, const char* name, const nlohmann::ordered_json& line) {
  file << line.dump() << '\n';
  require(file.good(), path(name), " cannot be written: is the disk full?");
}

void RunFiles::results(const nlohmann::json& line) {
  append(results_, "results.jsonl", line);
  flush();
}

void RunFiles::flush() {
  metrics_.flush();
  results_.flush();
  require(metrics_ && results_, folder_.string(), " cannot be written to: is the disk full?");
}

void RunFiles::write(const std::string& name, const std::string& text) const {
  AtomicFile file(path(name));
  file.write(text.data(), text.size());
  file.commit();
}

}  // namespace dgsam
