#include "tools/lab/sweep/sweep_job.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <regex>
#include <thread>

#include "engine/core/check.h"
#include "engine/core/letter_case.h"
#include "engine/io/atomic_file.h"
#include "tools/terminal/command_line.h"

namespace dgsam {

namespace {

namespace fs = std::filesystem;

constexpr const char* kLog = "log.txt";
constexpr const char* kFailed = "failed";

/// Other processes hold the lock for an instant to see whether it is held.
constexpr int kTries = 5;
constexpr auto kBetweenTries = std::chrono::milliseconds(10);

std::string clock_text() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  ::localtime_r(&now, &local);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &local);
  return text;
}

/// The end of a file, up to `bytes`.
std::string tail(const fs::path& path, std::streamoff bytes) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return "";
  const std::streamoff size = file.tellg();
  file.seekg(std::max<std::streamoff>(0, size - bytes));
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The last line of dgsam-run's own, else the last one that is not empty.
std::string last_error(const fs::path& log) {
  std::istringstream lines(tail(log, 16384));
  std::string last, ours;
  const std::string prefix = "dgsam-run: ";
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty()) last = line;
    if (line.starts_with(prefix)) ours = line.substr(prefix.size());
  }
  return !ours.empty() ? ours : last.empty() ? "it wrote nothing" : last;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> result;
  for (std::string& word : words) result.push_back(word.data());
  result.push_back(nullptr);
  return result;
}

}  // namespace

std::optional<JobLock> JobLock::take(const fs::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  require(descriptor >= 0, "cannot write ", path.string(), ": ", std::strerror(errno));
  JobLock lock(descriptor);
  for (int attempt = 0; attempt < kTries; ++attempt) {
    if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) {
      lock.sign(::getpid());
      return lock;
    }
    require(errno == EWOULDBLOCK || errno == EINTR, "cannot lock ", path.string(), ": ", std::strerror(errno));
    std::this_thread::sleep_for(kBetweenTries);
  }
  return {};
}

std::optional<JobLock> JobLock::wait_for(const fs::path& path) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  for (;;) {
    std::optional<JobLock> lock = take(path);
    if (lock || std::chrono::steady_clock::now() > end) return lock;
  }
}

std::optional<std::string> JobLock::owner(const fs::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return {};
  const JobLock closes(descriptor);
  if (::flock(descriptor, LOCK_SH | LOCK_NB) == 0) return {};
  char text[256] = {};
  const ssize_t length = ::read(descriptor, text, sizeof text - 1);
  return length > 0 ? std::string(text) : "another process";
}

JobLock::~JobLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void JobLock::inherit() const { ::fcntl(descriptor_, F_SETFD, 0); }

void JobLock::sign(pid_t process) const {
  char host[64] = {};
  ::gethostname(host, sizeof host - 1);
  const std::string text = "process " + std::to_string(process) + " on " + host + " since " + clock_text();
  // Told to people alone; the lock is the kernel's.
  if (::ftruncate(descriptor_, 0) != 0 || ::pwrite(descriptor_, text.data(), text.size(), 0) < 0) return;
}

const char* name_of(JobState state) {
  switch (state) {
    case JobState::fresh:
      return "new";
    case JobState::queued:
      return "queued";
    case JobState::running:
      return "running";
    case JobState::stopped:
      return "stopped";
    case JobState::failed:
      return "failed";
    case JobState::done:
      return "done";
  }
  return "";
}

JobStatus status_of(const Sweep& sweep, const SweepJob& job) {
  const fs::path folder = sweep.job_folder(job);
  if (fs::exists(folder / "run/done")) return {JobState::done, ""};
  // `train` started by hand in the same folder has a lock of its own.
  for (const char* lock : {"lock", "run/lock"}) {
    if (const auto owner = JobLock::owner(folder / lock)) return {JobState::running, *owner};
  }
  std::ifstream failed(folder / kFailed);
  if (failed) return {JobState::failed, {std::istreambuf_iterator<char>(failed), {}}};
  return {fs::exists(folder / "run") ? JobState::stopped : JobState::fresh, ""};
}

std::int64_t steps_done(const Sweep& sweep, const SweepJob& job, std::int64_t total) {
  const fs::path folder = sweep.job_folder(job);
  if (fs::exists(folder / "run/done")) return total;
  if (!fs::exists(folder / "run")) return 0;
  std::int64_t steps = 0;
  // The lines of tools/progress.h where there is no terminal: "DGSAM: 45%  90/200  3.1/s  0:35 left".
  static const std::regex pattern("([A-Z]+): +[0-9]+%  ([0-9]+)/([0-9]+)");
  const std::string log = tail(folder / kLog, 4096);
  for (std::sregex_iterator match(log.begin(), log.end(), pattern), end; match != end; ++match) {
    if (lower_case((*match)[1]) == job.algorithm && std::stoll((*match)[3]) == total) steps = std::stoll((*match)[2]);
  }
  static const std::regex step("\"step\":([0-9]+)");
  const std::string results = tail(folder / "run/results.jsonl", 16384);
  for (std::sregex_iterator match(results.begin(), results.end(), step), end; match != end; ++match) {
    steps = std::max<std::int64_t>(steps, std::stoll((*match)[1]) + 1);
  }
  return std::min(steps, total);
}

JobProcess::JobProcess(const Sweep& sweep, const SweepJob& job, JobLock lock, const Environment& environment)
    : folder_(sweep.job_folder(job)), job_(job), lock_(std::move(lock)) {
  steps_before_ = steps_done(sweep, job, sweep.config(job).steps);
  fs::remove(folder_ / kFailed);
  write_atomically((folder_ / "job.json").string(), sweep.describe(job).dump(2) + "\n");

  std::vector<std::string> words = sweep.arguments(job);
  words.insert(words.begin(), "dgsam-run");
  const bool threads_given = std::any_of(words.begin(), words.end(), [](const std::string& word) {
    return word == "--threads" || word.starts_with("--threads=");
  });
  if (environment.threads > 0 && !threads_given) {
    words.insert(words.end(), {"--threads", std::to_string(environment.threads)});
  }
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) variables.emplace_back(*variable);
  if (!environment.gpu.empty()) {
    std::erase_if(variables, [](const std::string& one) { return one.starts_with("CUDA_VISIBLE_DEVICES="); });
    variables.push_back("CUDA_VISIBLE_DEVICES=" + environment.gpu);
  }
  const std::vector<char*> arguments = pointers(words), values = pointers(variables);

  const std::string log_path = (folder_ / kLog).string();
  const int log = ::open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  require(log >= 0, "cannot write ", log_path, ": ", std::strerror(errno));
  const std::string header = "== " + clock_text() + " " + shell_words(words) + "\n";
  if (::write(log, header.data(), header.size()) < 0) {
    ::close(log);
    fail("cannot write ", log_path, ": ", std::strerror(errno));
  }
  const pid_t parent = ::getpid();
  process_ = ::fork();
  if (process_ == 0) {
    if (environment.own_group) ::setpgid(0, 0);
    // Without its launcher it saves its state and ends. The launcher may have died before this line.
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != parent) ::_exit(128 + SIGTERM);
    const int nothing = ::open("/dev/null", O_RDONLY);
    ::dup2(nothing, STDIN_FILENO);
    ::dup2(log, STDOUT_FILENO);
    ::dup2(log, STDERR_FILENO);
    lock_.inherit();
    ::execve("/proc/self/exe", arguments.data(), values.data());
    ::_exit(127);
  }
  const int error = errno;
  ::close(log);
  require(process_ > 0, "cannot start ", job.name, ": ", std::strerror(error));
  lock_.sign(process_);
}

double JobProcess::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

void JobProcess::stop(int signal) const { ::kill(process_, signal == SIGINT ? SIGTERM : SIGINT); }

std::optional<JobStatus> JobProcess::finished() {
  int status = 0;
  if (::waitpid(process_, &status, WNOHANG) != process_) return {};
  return record(status);
}

JobStatus JobProcess::wait() {
  for (;;) {
    if (const std::optional<JobStatus> status = finished()) return *status;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

JobStatus JobProcess::record(int status) const {
  if (fs::exists(folder_ / "run/done")) return {JobState::done, ""};
  const int signal = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status) - 128;
  if (signal == SIGINT || signal == SIGTERM || signal == SIGHUP) return {JobState::stopped, "stopped by a signal"};
  if (WIFSIGNALED(status) && signal == SIGKILL) {
    return {JobState::stopped, "killed (by the system when memory runs out, or by a user)"};
  }
  const std::string what =
      WIFSIGNALED(status) ? "ended by signal " + std::to_string(signal) + "; its last line: " : std::string();
  const std::string text = what + last_error(folder_ / kLog);
  write_atomically((folder_ / kFailed).string(), text);
  return {JobState::failed, text};
}

std::optional<JobLock> claim(const Sweep& sweep, const SweepJob& job, bool retry) {
  const auto free = [&] {
    const JobState state = status_of(sweep, job).state;
    return state == JobState::fresh || state == JobState::stopped || (retry && state == JobState::failed);
  };
  if (!free()) return {};
  fs::create_directories(sweep.job_folder(job));
  std::optional<JobLock> lock = JobLock::take(sweep.job_folder(job) / "lock");
  if (!lock) return {};
  // It may have been finished, or have failed, since; and now this process itself is who has it.
  if (fs::exists(sweep.run_folder(job) / "done")) return {};
  if (!retry && fs::exists(sweep.job_folder(job) / kFailed)) return {};
  if (JobLock::owner(sweep.run_folder(job) / "lock")) return {};
  return lock;
}

}  // namespace dgsam
