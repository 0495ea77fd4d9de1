// One job of a sweep on disk: its lock, where it stands, and the process that runs it.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tools/lab/sweep/sweep.h"

namespace dgsam {

/// A file lock (flock). Whoever inherits the descriptor holds it too, and the kernel drops it when the last one ends:
/// what a dead process held is free.
class JobLock {
 public:
  /// Nothing when another process has it. Throws Error when the file cannot be made.
  static std::optional<JobLock> take(const std::filesystem::path& path);
  /// The same, after waiting for up to ten seconds.
  static std::optional<JobLock> wait_for(const std::filesystem::path& path);
  /// Who has it ("process 12 on host since 2026-01-31 12:00:00"), or nothing when nobody has.
  static std::optional<std::string> owner(const std::filesystem::path& path);

  JobLock(JobLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  JobLock& operator=(JobLock&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~JobLock();

  /// In a child: keeps it over exec.
  void inherit() const;
  /// Writes down who has it.
  void sign(pid_t process) const;

 private:
  explicit JobLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

enum class JobState : std::uint8_t { fresh, queued, running, stopped, failed, done };
const char* name_of(JobState state);

struct JobStatus {
  JobState state = JobState::fresh;
  std::string note;  ///< who runs it, or the last line of error
};

/// As its files tell; never JobState::queued.
JobStatus status_of(const Sweep& sweep, const SweepJob& job);

/// Steps that a job's files say are done; its log is ahead of its results.
std::int64_t steps_done(const Sweep& sweep, const SweepJob& job, std::int64_t total);

/// A job's process, from fork to its outcome in the job's folder.
class JobProcess {
 public:
  struct Environment {
    std::string gpu{};  ///< for CUDA_VISIBLE_DEVICES; empty: as it is
    int threads = 0;    ///< for train's --threads where nothing else is given; 0: train's default
    /// In a process group of its own a Ctrl-C in the terminal reaches the launcher alone.
    bool own_group = true;
  };
  /// Starts the job, which appends to log.txt. `lock` is held by the process and by this object.
  JobProcess(const Sweep& sweep, const SweepJob& job, JobLock lock, const Environment& environment);
  JobProcess(JobProcess&&) = default;
  JobProcess& operator=(JobProcess&&) = default;

  const SweepJob& job() const { return job_; }
  std::int64_t steps_before() const { return steps_before_; }
  double seconds() const;
  /// Asks it to save its state and end, after this process got `signal`. It is sent the other one of SIGINT and
  /// SIGTERM: a scheduler or a terminal may have sent `signal` to both, and a second one of a kind kills.
  void stop(int signal) const;
  /// What became of it, once it has ended: failed (then `failed` is written), stopped or done.
  std::optional<JobStatus> finished();
  /// Waits for that.
  JobStatus wait();

 private:
  JobStatus record(int status) const;

  std::filesystem::path folder_;
  SweepJob job_;
  JobLock lock_;
  pid_t process_ = -1;
  std::int64_t steps_before_ = 0;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// Takes a job that is new or stopped (or failed, when `retry`), unless another process has it.
std::optional<JobLock> claim(const Sweep& sweep, const SweepJob& job, bool retry);

}  // namespace dgsam
