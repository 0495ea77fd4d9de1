#include "tools/train/run_files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "engine/core/check.h"
#include "engine/io/atomic_file.h"
#include "tools/train/file_list.h"
#include "tools/train/run_state.h"

namespace dgsam {

namespace {

constexpr const char* kLock = "lock";
constexpr std::array kOurs = {"config.json",
                              "metrics.jsonl",
                              "timing.jsonl",
                              "results.jsonl",
                              "summary.json",
                              "last.safetensors",
                              "best.safetensors",
                              "swad.safetensors",
                              "moving.safetensors",
                              "program.txt",
                              "done",
                              kStateFile,
                              kPreviousStateFile,
                              kNewStateFile,
                              kFileList};

/// A file of a run, or what a process that was killed has left of writing one.
bool is_ours(const std::string& name) {
  const auto matches = [&](const char* ours) {
    const std::string_view expected(ours);
    if (!name.starts_with(expected)) return false;
    std::string_view rest = std::string_view(name).substr(expected.size());
    if (rest.empty()) return true;
    if (!rest.starts_with(".tmp")) return false;
    rest.remove_prefix(4);
    return !rest.empty() && std::all_of(rest.begin(), rest.end(), [](char c) { return c >= '0' && c <= '9'; });
  };
  return name == kLock || name.starts_with(kEventFilePrefix) || std::any_of(kOurs.begin(), kOurs.end(), matches);
}

bool is_temporary(const std::string& name) { return name.find(".tmp") != std::string::npos; }

}  // namespace

FolderLock::FolderLock(const std::filesystem::path& folder) {
  const std::string path = (folder / kLock).string();
  descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  require(descriptor_ >= 0, "cannot write ", path, ": ", std::strerror(errno));
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    char owner[128] = {};
    const ssize_t length = ::read(descriptor_, owner, sizeof owner - 1);
    ::close(std::exchange(descriptor_, -1));
    require(error == EWOULDBLOCK, "cannot lock ", path, ": ", std::strerror(error));
    fail("--out ", folder.string(), " is in use by ", length > 0 ? owner : "another process",
         ": wait for it, or choose another folder");
  }
  char host[64] = {};
  ::gethostname(host, sizeof host - 1);
  const std::string owner = "process " + std::to_string(::getpid()) + " on " + host;
  // Who holds it is told for the message above alone; the lock is the kernel's.
  if (::ftruncate(descriptor_, 0) != 0 || ::write(descriptor_, owner.data(), owner.size()) < 0) return;
}

FolderLock::~FolderLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

RunFiles::RunFiles(const std::filesystem::path& folder, Existing existing) : folder_(folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  require(!error && std::filesystem::is_directory(folder), "--out ", folder.string(),
          " cannot be made: ", error ? error.message() : "it is a file");
  bool holds_run = false;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    holds_run = holds_run || (is_ours(name) && name != kLock);
  }
  lock_ = std::make_unique<FolderLock>(folder);
  require(!holds_run || existing != Existing::refuse, "--out ", folder.string(),
          " holds a run already: continue it with --resume, replace it with --overwrite, or choose another folder");
  resumes_ = existing == Existing::resume && std::filesystem::exists(folder / "config.json");
}

void RunFiles::begin() {
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
    const std::string name = entry.path().filename().string();
    // A run that was stopped before it had a state begins anew, but must not lose what it was asked to do.
    const bool kept = !is_ours(name) || name == kLock || (resumes_ && name == "config.json");
    if (!kept) std::filesystem::remove(entry.path());
  }
  open({});
}

void RunFiles::resume(const Lengths& lengths) {
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
    const std::string name = entry.path().filename().string();
    if (is_ours(name) && is_temporary(name)) std::filesystem::remove(entry.path());
  }
  open(lengths);
}

void RunFiles::open(const Lengths& lengths) {
  metrics_ = AppendFile(path("metrics.jsonl"), lengths.metrics);
  timing_ = AppendFile(path("timing.jsonl"), lengths.timing);
  results_ = AppendFile(path("results.jsonl"), lengths.results);
}

void RunFiles::metrics(const nlohmann::ordered_json& line) { metrics_.append(line.dump()); }

void RunFiles::timing(const nlohmann::ordered_json& line) { timing_.append(line.dump()); }

void RunFiles::results(const nlohmann::json& line) {
  results_.append(line.dump());
  flush();
}

void RunFiles::flush() {
  metrics_.flush();
  timing_.flush();
  results_.flush();
  if (events_) events_->flush();
}

RunFiles::Lengths RunFiles::sync() {
  metrics_.sync();
  timing_.sync();
  results_.sync();
  if (events_) events_->sync();
  return {metrics_.bytes(), timing_.bytes(), results_.bytes()};
}

void RunFiles::write(const std::string& name, const std::string& text) const { write_atomically(path(name), text); }

void RunFiles::write_json(const std::string& name, const nlohmann::ordered_json& object) const {
  write(name, object.dump(2) + "\n");
}

}  // namespace dgsam
