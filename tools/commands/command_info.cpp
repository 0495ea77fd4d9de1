#include <cstdio>
#include <memory>

#include "data/image.h"
#include "engine/core/check.h"
#include "engine/core/limits.h"
#include "engine/make_backend.h"
#include "tools/commands/commands.h"
#include "tools/profile/peaks.h"
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
  command->callback([peaks] {
    for (const auto& [name, value] : versions()) print(name, value);
    print("processor", cpu_name());
    print("features", cpu_features());
    print("images", image_libraries());
    const CpuLimits limits = cpu_limits();
    print("threads", std::to_string(limits.threads()) + " by default: " + limits.text());
    for (const char* device : {"cpu", "cuda"}) print(std::string("device ") + device, device_text(device));
    if (!*peaks) return;
    const MachinePeaks measured = measure_peaks(limits.threads());
    std::printf("%-12s f32 %.0f GFLOP/s, f64 %.0f, bf16 %.0f, copy %.1f GB/s, %d threads\n", "peaks",
                measured.f32_gflops, measured.f64_gflops, measured.bf16_gflops, measured.copy_gbs, measured.threads);
  });
}

}  // namespace dgsam
