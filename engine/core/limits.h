// What this process may use of the machine: fewer CPUs and less memory than there are, where an affinity (taskset,
// Slurm) or a control group (containers, systemd, clusters) says so.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace dgsam {

/// CPUs that this process may run on at the same time.
struct CpuLimits {
  int affinity = 1;             ///< CPUs that the scheduler may choose from
  std::optional<double> quota;  ///< CPU seconds per second of its control groups; none: no limit

  /// Threads that can run at once: the affinity, or the quota rounded up where it is smaller. At least 1.
  int threads() const;
  /// "2 CPUs", "2 CPUs, 1.5 by the control group's quota"
  std::string text() const;
};

CpuLimits cpu_limits();

/// Bytes that this process's control groups leave it: the least, over the group and those above it, of limit minus
/// what is in use (file caches, which the kernel gives back, do not count). None: no limit.
std::optional<std::size_t> memory_left_by_control_group();

/// Bytes that this process can still take before the system has to end something: what the machine has available, or
/// what the control groups leave where that is less. None: unknown.
std::optional<std::size_t> available_memory();

/// Throws Error that says how many threads could be started, which limit is in the way and what to do, unless `count`
/// can run beside this one. Starts them, once for each count in a process, and lets them end.
void require_threads(int count);
/// "the limit of this user's processes and threads (ulimit -u) is 64", with the control groups' where there is one.
std::string thread_limits();

/// One line of /proc/self/cgroup joined with the mount of its hierarchy: folders from this process's group up to the
/// hierarchy's root.
struct ControlGroup {
  int version = 2;                               ///< of the interface: 1 or 2
  std::vector<std::filesystem::path> ancestors;  ///< the group itself first
};

/// The group in the hierarchy of `controller` ("cpu", "memory"), read below `root` ("/": this machine). None where
/// there is no such hierarchy.
std::optional<ControlGroup> control_group(const std::string& controller, const std::filesystem::path& root);
/// The least quota of the group and those above it, in CPUs.
std::optional<double> cpu_quota(const ControlGroup& group);
/// See memory_left_by_control_group().
std::optional<std::size_t> memory_left(const ControlGroup& group);
/// The least number of processes and threads that the group and those above it may have. None: no limit.
std::optional<std::int64_t> thread_limit(const ControlGroup& group);

}  // namespace dgsam
