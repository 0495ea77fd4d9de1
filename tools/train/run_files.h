// The folder of one training run: configuration, lines per step and evaluation, checkpoints, the state to resume from.
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "tools/train/append_file.h"
#include "tools/train/event_file.h"

namespace dgsam {

/// A folder held by one process: a second one that asks for it gets an Error that names the first. The lock goes with
/// the process, however it ends.
class FolderLock {
 public:
  explicit FolderLock(const std::filesystem::path& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int descriptor_ = -1;
};

class RunFiles {
 public:
  enum class Existing : std::uint8_t {
    refuse,   ///< a run in the folder is an Error
    replace,  ///< begin() removes it
    resume,   ///< go on with it, if there is one
  };
  /// Bytes of the files that grow, at one moment.
  struct Lengths {
    std::uint64_t metrics = 0, timing = 0, results = 0;
  };

  /// Makes the folder if need be and locks it. Throws Error when another process has it. What no run writes (logs, a
  /// file server's names) does not count and is left alone: nothing of a user's is ever removed.
  RunFiles(const std::filesystem::path& folder, Existing existing);

  /// Whether there is a run to go on with: its configuration was written.
  bool resumes() const { return resumes_; }
  /// Removes the run that the folder holds and opens the new one's files. Called when everything that can be wrong
  /// with the configuration has been found, so that a mistake costs nothing.
  void begin();
  /// Opens the files of the run that the folder holds, cut back to `lengths`.
  void resume(const Lengths& lengths);
  /// From now on events() writes a new file for TensorBoard, beside those of the run so far. Of what they hold, only
  /// steps before `step` count: a resumed run takes the others again.
  void open_events(std::int64_t step) { events_.emplace(folder_, step); }

  const std::filesystem::path& folder() const { return folder_; }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  /// One line of metrics.jsonl, which depends on nothing but the configuration. Numbers are printed so that reading
  /// them gives the same bits.
  void metrics(const nlohmann::ordered_json& line);
  /// One line of timing.jsonl: what differs from run to run.
  void timing(const nlohmann::ordered_json& line);
  /// One line of results.jsonl, written when this returns, with all lines before it.
  void results(const nlohmann::json& line);
  /// For TensorBoard, if open_events() was called.
  void events(std::int64_t step, const Scalars& scalars) {
    if (events_) events_->append(step, scalars);
  }
  void flush();
  /// All lines are on disk when this returns, and this long.
  Lengths sync();

  /// A whole file, replaced atomically.
  void write(const std::string& name, const std::string& text) const;
  void write_json(const std::string& name, const nlohmann::ordered_json& object) const;
  void remove(const std::string& name) const { std::filesystem::remove(folder_ / name); }

 private:
  void open(const Lengths& lengths);

  std::filesystem::path folder_;
  std::unique_ptr<FolderLock> lock_;
  bool resumes_ = false;
  AppendFile metrics_, timing_, results_;
  std::optional<EventFile> events_;
};

}  // namespace dgsam
