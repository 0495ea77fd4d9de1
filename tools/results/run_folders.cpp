#include "tools/results/run_folders.h"

#include <algorithm>

#include "engine/core/check.h"

namespace dgsam {
namespace {

namespace fs = std::filesystem;

class Finder {
 public:
  /// Of runs below a folder, those that are done.
  void look_into(const fs::path& folder) {
    if (is_run_folder(folder)) {
      if (fs::exists(folder / "done")) {
        found_.runs.push_back(folder);
      } else {
        skip(folder, "is not done");
      }
      return;
    }
    std::vector<fs::path> inside;
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (entry.is_directory() && !entry.is_symlink()) inside.push_back(entry.path());
    }
    std::sort(inside.begin(), inside.end());
    const std::size_t before = found_.runs.size() + found_.skipped.size();
    for (const fs::path& path : inside) look_into(path);
    const bool job = fs::exists(folder / "job.json") && found_.runs.size() + found_.skipped.size() == before;
    if (job) skip(folder, fs::exists(folder / "failed") ? "has failed" : "has not begun");
  }
  void add(const fs::path& run) { found_.runs.push_back(run); }
  RunFolders result() && { return std::move(found_); }

 private:
  void skip(const fs::path& folder, const std::string& why) { found_.skipped.push_back(folder.string() + " " + why); }
  RunFolders found_;
};

}  // namespace

bool is_run_folder(const fs::path& folder) {
  const auto holds = [&](const char* name) { return fs::exists(folder / name); };
  return holds("config.json") || holds("results.jsonl") || holds("summary.json");
}

RunFolders find_run_folders(const std::vector<fs::path>& folders) {
  Finder finder;
  for (const fs::path& folder : folders) {
    require(fs::is_directory(folder), folder.string(),
            " cannot be read: it is no folder; a report takes folders of dgsam-run train, or folders that hold them");
    if (is_run_folder(folder)) {
      finder.add(folder);
    } else {
      finder.look_into(folder);
    }
  }
  RunFolders found = std::move(finder).result();
  require(!found.runs.empty(), folders.front().string(), folders.size() > 1 ? " and the others" : "",
          ": there is no finished run of dgsam-run train in this folder or below",
          found.skipped.empty()
              ? ""
              : "; not done: " + std::to_string(found.skipped.size()) + ", the first: " + found.skipped.front());
  return found;
}

}  // namespace dgsam
