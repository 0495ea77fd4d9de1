#include "engine/cuda/library/plan_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

namespace dgsam {
namespace {

constexpr char kNone[] = "none";
constexpr char kBad[] = "bad";  // in the place of microseconds, of an algorithm that does not work

std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value ? value : "";
}

/// Appends `text` in one piece. Returns what went wrong, or "".
std::string append(const std::string& path, const std::string& text) {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (file < 0) return std::strerror(errno);
  const bool written = write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const std::string problem = written ? "" : std::strerror(errno);
  static_cast<void>(close(file));
  return problem;
}

}  // namespace

std::string plan_file_path(const std::string& asked) {
  const std::string path = asked.empty() ? environment("DGSAM_PLAN_CACHE") : asked;
  if (!path.empty()) return path == kNone ? "" : path;
  std::filesystem::path folder = environment("XDG_CACHE_HOME");
  if (folder.empty() && !environment("HOME").empty()) folder = environment("HOME") + "/.cache";
  return folder.empty() ? "" : (folder / "dgsam" / "conv-plans.txt").string();
}

PlanFile::PlanFile(std::string path, std::string machine) : path_(std::move(path)), machine_(std::move(machine)) {}

void PlanFile::note(const std::string& text) { std::fprintf(stderr, "note: %s: %s\n", path_.c_str(), text.c_str()); }

void PlanFile::read_new_lines() {
  if (path_.empty()) return;
  std::ifstream file(path_, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(read_));
  std::string line;
  while (std::getline(file, line) && !file.eof()) {  // a line without its end is still being written
    read_ += line.size() + 1;
    if (line.empty()) continue;
    std::array<std::string, 4> fields;  // machine, problem, algorithm, microseconds
    std::istringstream in(line);
    for (std::string& field : fields) std::getline(in, field, '\t');
    const auto& [machine, problem, algorithm, microseconds] = fields;
    if (algorithm.empty() || microseconds.empty() || !in.eof()) {
      if (!std::exchange(noted_, true)) note("left out lines that are no choices of algorithms");
    } else if (machine == machine_ && microseconds == kBad) {
      bad_.insert({problem, algorithm});
    } else if (machine == machine_) {
      choices_[problem] = algorithm;
    }
  }
}

std::optional<std::string> PlanFile::find(const std::string& problem) {
  read_new_lines();
  const auto found = choices_.find(problem);
  if (found == choices_.end() || bad_.contains({problem, found->second})) return std::nullopt;
  return found->second;
}

void PlanFile::add(const std::string& problem, const std::string& algorithm, double microseconds) {
  choices_[problem] = algorithm;
  std::array<char, 32> time;
  std::snprintf(time.data(), time.size(), "%.3f", microseconds);
  write(problem, algorithm, time.data());
}

bool PlanFile::is_bad(const std::string& problem, const std::string& algorithm) {
  read_new_lines();
  return bad_.contains({problem, algorithm});
}

void PlanFile::add_bad(const std::string& problem, const std::string& algorithm) {
  if (bad_.insert({problem, algorithm}).second) write(problem, algorithm, kBad);
}

void PlanFile::write(const std::string& problem, const std::string& algorithm, const std::string& microseconds) {
  if (path_.empty()) return;
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(path_, error);
  const bool torn = !error && size > read_;  // a line whose writer was killed: keep ours apart from it
  const std::string line = machine_ + '\t' + problem + '\t' + algorithm + '\t' + microseconds + '\n';
  const std::string failure = append(path_, torn ? '\n' + line : line);
  if (failure.empty()) return;
  note("cannot be written (" + failure + "), so algorithms are chosen anew in every run; DGSAM_PLAN_CACHE=FILE names " +
       "another one, DGSAM_PLAN_CACHE=none says that this is meant");
  path_.clear();
}

}  // namespace dgsam
