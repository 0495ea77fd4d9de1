#include <cstdio>
#include <memory>

#include "data/image.h"
#include "engine/core/check.h"
#include "engine/core/limits.h"
#include "engine/make_backend.h"
#include "tools/commands/commands.h"
#include "tools/profile/peaks.h"
#include "tools/profile/smoke.h"
#include "tools/terminal/versions.h"

namespace dgsam {

namespace {

void print(const std::string& name, const std::string& value) {
  std::printf("%-12s %s\n", name.c_str(), value.c_str());
}

std::string device_text(const std::string& device) {
  try {
    return make_backend(device)->name();
  } catch (const Error& error) {
    return std::string("not available: ") + error.what();
  }
}

}  // namespace

void add_info_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("info", "Prints what this binary is, and what this machine can do");
  const auto peaks = std::make_shared<bool>(false);
  command->add_flag("--peaks", *peaks, "Also measure arithmetic and memory throughput (about a second)");
  const auto device = std::make_shared<std::string>("cuda");
  const auto test = std::make_shared<bool>(false);
  CLI::Option* const of_test =
      command->add_flag("--test", *test, "Also test the device against the CPU, in a few seconds");
  command->add_option("--device", *device, "Of --test")->check(CLI::IsMember({"cpu", "cuda"}))->needs(of_test);
  command->callback([peaks, device, test] {
    for (const auto& [name, value] : versions()) print(name, value);
    print("processor", cpu_name());
    print("features", cpu_features());
    print("images", image_libraries());
    const CpuLimits limits = cpu_limits();
    print("threads", std::to_string(limits.threads()) + " by default: " + limits.text());
    for (const char* kind : {"cpu", "cuda"}) print(std::string("device ") + kind, device_text(kind));
    if (*test) {
      const SmokeResult result = smoke_test(*make_backend(*device, {.measure = false}), *make_backend("cpu"));
      std::printf("%s", result.text.c_str());
      require(result.passed, "info: device ", *device, " failed its test");
    }
    if (!*peaks) return;
    const MachinePeaks measured = measure_peaks(limits.threads());
    std::printf("%-12s f32 %.0f GFLOP/s, f64 %.0f, bf16 %.0f, copy %.1f GB/s, %d threads\n", "peaks",
                measured.f32_gflops, measured.f64_gflops, measured.bf16_gflops, measured.copy_gbs, measured.threads);
  });
}

}  // namespace dgsam
