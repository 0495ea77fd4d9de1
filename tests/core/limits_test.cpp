#include "engine/core/limits.h"

#include <doctest/doctest.h>

#include <fstream>
#include <string>

#include "tests/temporary_folder.h"

namespace dgsam {
namespace {

namespace fs = std::filesystem;

/// A made-up machine: /proc and /sys below a folder.
class Machine {
 public:
  void write(const std::string& path, const std::string& text) const {
    fs::create_directories((root() / path).parent_path());
    std::ofstream(root() / path) << text;
  }
  fs::path root() const { return folder_.file("machine"); }
  std::optional<double> quota() const {
    const auto group = control_group("cpu", root());
    return group ? cpu_quota(*group) : std::nullopt;
  }
  std::optional<std::size_t> memory() const {
    const auto group = control_group("memory", root());
    return group ? memory_left(*group) : std::nullopt;
  }

 private:
  TemporaryFolder folder_;
};

constexpr const char* kMountOfV2 = "30 25 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";

}  // namespace

TEST_CASE("limits: version 2 takes the least quota of the group and those above it") {
  const Machine machine;
  machine.write("proc/self/cgroup", "0::/user.slice/job\n");
  machine.write("proc/self/mountinfo", kMountOfV2);
  machine.write("sys/fs/cgroup/user.slice/job/cpu.max", "max 100000\n");
  CHECK(!machine.quota());
  machine.write("sys/fs/cgroup/user.slice/cpu.max", "150000 100000\n");
  CHECK(machine.quota() == 1.5);
  machine.write("sys/fs/cgroup/user.slice/job/cpu.max", "50000 100000\n");
  CHECK(machine.quota() == 0.5);
}

TEST_CASE("limits: version 1 beside version 2, with joined controllers") {
  const Machine machine;
  machine.write("proc/self/cgroup", "12:memory:/box\n4:cpu,cpuacct:/box\n0::/box\n");
  machine.write("proc/self/mountinfo", std::string(kMountOfV2) +
                                           "33 25 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
                                           "34 25 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
  machine.write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
  machine.write("sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_quota_us", "-1\n");
  machine.write("sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_period_us", "100000\n");
  CHECK(!machine.quota());
  machine.write("sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_quota_us", "250000\n");
  CHECK(machine.quota() == 2.5);
  machine.write("sys/fs/cgroup/memory/box/memory.limit_in_bytes", "1000\n");
  machine.write("sys/fs/cgroup/memory/box/memory.usage_in_bytes", "700\n");
  machine.write("sys/fs/cgroup/memory/box/memory.stat", "cache 5\ntotal_cache 300\n");
  machine.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  machine.write("sys/fs/cgroup/memory/memory.usage_in_bytes", "800\n");
  CHECK(machine.memory() == 600);
}

TEST_CASE("limits: a container that sees its own group as the root of the mount") {
  const Machine machine;
  machine.write("proc/self/cgroup", "0::/docker/abc/inner\n");
  machine.write("proc/self/mountinfo", "30 25 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n");
  machine.write("sys/fs/cgroup/cpu.max", "200000 100000\n");
  machine.write("sys/fs/cgroup/inner/cpu.max", "max 100000\n");
  machine.write("sys/fs/cgroup/memory.max", "5000\n");
  machine.write("sys/fs/cgroup/memory.current", "1000\n");
  machine.write("sys/fs/cgroup/inner/memory.max", "max\n");
  machine.write("sys/fs/cgroup/inner/memory.current", "900\n");
  CHECK(machine.quota() == 2.0);
  CHECK(machine.memory() == 4000);
  // The host's path, which does not exist here: the mount's root is the group.
  machine.write("proc/self/cgroup", "0::/elsewhere\n");
  CHECK(machine.quota() == 2.0);
}

TEST_CASE("limits: without control groups there is none, and nothing in the way stops the reading") {
  const Machine machine;
  CHECK(!machine.quota());
  machine.write("proc/self/cgroup", "nonsense\n0::/a\n");
  machine.write("proc/self/mountinfo", "short\n" + std::string(kMountOfV2));
  CHECK(!machine.quota());
  machine.write("sys/fs/cgroup/a/cpu.max", "garbage\n");
  CHECK(!machine.quota());
}

TEST_CASE("limits: threads are the affinity, or the quota rounded up") {
  CHECK(CpuLimits{4, {}}.threads() == 4);
  CHECK(CpuLimits{4, 1.0}.threads() == 1);
  CHECK(CpuLimits{4, 1.5}.threads() == 2);
  CHECK(CpuLimits{4, 0.3}.threads() == 1);
  CHECK(CpuLimits{4, 16.0}.threads() == 4);
  CHECK(CpuLimits{4, 1.5}.text() == "4 CPUs, 1.5 by the control group's quota");
  CHECK(CpuLimits{1, {}}.text() == "1 CPU");
  CHECK(cpu_limits().threads() >= 1);
}

TEST_CASE("limits: the least number of threads of a control group and those above it") {
  const Machine machine;
  machine.write("proc/self/cgroup", "0::/user/job\n");
  machine.write("proc/self/mountinfo", kMountOfV2);
  machine.write("sys/fs/cgroup/user/job/pids.max", "max\n");
  machine.write("sys/fs/cgroup/user/pids.max", "100\n");
  const auto group = control_group("pids", machine.root());
  REQUIRE(group.has_value());
  CHECK(thread_limit(*group) == 100);
  machine.write("sys/fs/cgroup/user/job/pids.max", "64\n");
  CHECK(thread_limit(*group) == 64);
}

TEST_CASE("limits: some memory is available, and a few threads can be started") {
  CHECK(available_memory().value_or(1) > 0);
  require_threads(3);
  CHECK_FALSE(thread_limits().empty());
}

}  // namespace dgsam
