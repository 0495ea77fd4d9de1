#include "engine/core/limits.h"

#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <latch>
#include <sstream>
#include <system_error>
#include <thread>

#include "engine/core/check.h"

namespace dgsam {
namespace {

namespace fs = std::filesystem;

/// The first word of a file; empty where it cannot be read.
std::string word_of(const fs::path& path) {
  std::ifstream file(path);
  std::string word;
  file >> word;
  return word;
}

std::optional<double> number_of(const std::string& word) {
  std::istringstream text(word);
  double value = 0;
  if (!(text >> value)) return std::nullopt;  // "max"
  return value;
}

bool contains(const std::string& list, const std::string& name) {
  std::istringstream names(list);
  for (std::string one; std::getline(names, one, ',');) {
    if (one == name) return true;
  }
  return false;
}

/// A mounted hierarchy: which of its groups is seen at which folder.
struct Mount {
  std::string root, folder;
};

std::optional<Mount> mount_of(int version, const std::string& controller, const fs::path& root) {
  std::ifstream file(root / "proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    std::istringstream left(line.substr(0, dash)), right(line.substr(dash + 3));
    std::string id, parent, device, type, source, options;
    Mount mount;
    left >> id >> parent >> device >> mount.root >> mount.folder;
    right >> type >> source >> options;
    if (version == 2 ? type == "cgroup2" : type == "cgroup" && contains(options, controller)) return mount;
  }
  return std::nullopt;
}

std::optional<double> least(const std::optional<double>& a, const std::optional<double>& b) {
  if (!a || !b) return a ? a : b;
  return std::min(*a, *b);
}

/// The value of the line "name value" of a control group's memory.stat.
double statistic(const fs::path& path, const std::string& name) {
  std::ifstream file(path);
  std::string key;
  for (double value = 0; file >> key >> value;) {
    if (key == name) return value;
  }
  return 0;
}

}  // namespace

std::optional<ControlGroup> control_group(const std::string& controller, const fs::path& root) {
  std::ifstream file(root / "proc/self/cgroup");
  std::optional<ControlGroup> found;
  // Lines "number:controllers:path". A hierarchy of version 1 that has the controller takes it from version 2's.
  for (std::string line; std::getline(file, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1), path = line.substr(second + 1);
    const int version = controllers.empty() ? 2 : 1;
    if (version == 1 ? !contains(controllers, controller) : found.has_value()) continue;
    const std::optional<Mount> mount = mount_of(version, controller, root);
    if (!mount) continue;
    // In a container the path may be the host's, and the mount's root the container's own group.
    const bool below = mount->root != "/" && path.starts_with(mount->root);
    const fs::path top = root / fs::path(mount->folder).relative_path();
    fs::path group = top / fs::path(below ? path.substr(mount->root.size()) : path).relative_path();
    group = group.lexically_normal();
    std::error_code ignored;
    if (!fs::is_directory(group, ignored)) group = top;
    found = ControlGroup{version, {}};
    for (;; group = group.parent_path()) {
      found->ancestors.push_back(group);
      if (group == top || group == group.parent_path()) break;
    }
    if (version == 1) break;
  }
  return found;
}

std::optional<double> cpu_quota(const ControlGroup& group) {
  std::optional<double> quota;
  for (const fs::path& folder : group.ancestors) {
    double period = 0;
    std::optional<double> time;
    if (group.version == 2) {
      std::ifstream file(folder / "cpu.max");
      std::string word;
      file >> word >> period;
      time = number_of(word);
    } else {
      time = number_of(word_of(folder / "cpu.cfs_quota_us"));
      period = number_of(word_of(folder / "cpu.cfs_period_us")).value_or(0);
    }
    if (time && *time > 0 && period > 0) quota = least(quota, *time / period);
  }
  return quota;
}

std::optional<std::size_t> memory_left(const ControlGroup& group) {
  std::optional<double> left;
  for (const fs::path& folder : group.ancestors) {
    const bool v2 = group.version == 2;
    const std::optional<double> limit = number_of(word_of(folder / (v2 ? "memory.max" : "memory.limit_in_bytes")));
    const std::optional<double> used = number_of(word_of(folder / (v2 ? "memory.current" : "memory.usage_in_bytes")));
    constexpr double kNoLimit = 1e18;  // version 1 says so with a number near 2^63
    if (!limit || !used || *limit >= kNoLimit) continue;
    const double cache = statistic(folder / "memory.stat", v2 ? "file" : "total_cache");
    left = least(left, std::max(0.0, *limit - std::max(0.0, *used - cache)));
  }
  if (!left) return std::nullopt;
  return static_cast<std::size_t>(*left);
}

std::optional<std::int64_t> thread_limit(const ControlGroup& group) {
  std::optional<double> limit;
  for (const fs::path& folder : group.ancestors) limit = least(limit, number_of(word_of(folder / "pids.max")));
  if (!limit) return std::nullopt;
  return static_cast<std::int64_t>(*limit);
}

int CpuLimits::threads() const {
  if (!quota || *quota >= affinity) return affinity;
  return std::max(1, static_cast<int>(std::ceil(*quota - 1e-9)));
}

std::string CpuLimits::text() const {
  std::string text = std::to_string(affinity) + (affinity == 1 ? " CPU" : " CPUs");
  if (quota && *quota < affinity) {
    char number[32];
    std::snprintf(number, sizeof number, "%.3g", *quota);
    text += std::string(", ") + number + " by the control group's quota";
  }
  return text;
}

CpuLimits cpu_limits() {
  CpuLimits limits;
  cpu_set_t set;
  CPU_ZERO(&set);
  const bool known = sched_getaffinity(0, sizeof set, &set) == 0;  // fails beyond 1,024 CPUs
  limits.affinity = std::max(1, known ? CPU_COUNT(&set) : static_cast<int>(std::thread::hardware_concurrency()));
  if (const std::optional<ControlGroup> group = control_group("cpu", "/")) limits.quota = cpu_quota(*group);
  return limits;
}

std::optional<std::size_t> memory_left_by_control_group() {
  const std::optional<ControlGroup> group = control_group("memory", "/");
  return group ? memory_left(*group) : std::nullopt;
}

std::optional<std::size_t> available_memory() {
  const std::optional<std::size_t> left = memory_left_by_control_group();
  std::ifstream file("/proc/meminfo");
  std::string key;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::size_t kibibytes = 0;
    if (!(words >> key >> kibibytes) || key != "MemAvailable:") continue;
    return std::min(kibibytes << 10, left.value_or(kibibytes << 10));
  }
  return left;
}

std::string thread_limits() {
  std::string text;
  rlimit limit{};
  if (getrlimit(RLIMIT_NPROC, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
    text = "the limit of this user's processes and threads (ulimit -u) is " + std::to_string(limit.rlim_cur);
  }
  const std::optional<ControlGroup> group = control_group("pids", "/");
  if (const std::optional<std::int64_t> most = group ? thread_limit(*group) : std::nullopt) {
    text += (text.empty() ? "" : ", and ") + std::string("that of the control group (pids.max) is ") +
            std::to_string(*most);
  }
  return text.empty() ? "the system has no room for more" : text;
}

void require_threads(int count) {
  static std::atomic<int> known = 0;
  if (count <= known) return;
  std::latch end(1);
  std::vector<std::thread> threads;
  bool all = true;
  try {
    while (static_cast<int>(threads.size()) < count) threads.emplace_back([&end] { end.wait(); });
  } catch (const std::system_error&) {
    all = false;
  }
  end.count_down();
  for (std::thread& thread : threads) thread.join();
  require(all, "only ", threads.size(), " of ", count, " threads can be started: ", thread_limits(),
          "; give --threads ", std::max<std::size_t>(1, threads.size() / 2), " or less, or raise the limit");
  known = count;
}

}  // namespace dgsam
