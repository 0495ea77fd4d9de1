#include "tools/terminal/versions.h"

#include <CLI/Version.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

namespace dgsam {

namespace {

/// The value of the first line "key : value" of a file of such lines; empty when there is none.
std::string field(const char* path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(':');
    if (!line.starts_with(key) || colon == std::string::npos) continue;
    const std::size_t value = line.find_first_not_of(" \t", colon + 1);
    return value == std::string::npos ? "" : line.substr(value);
  }
  return "";
}

}  // namespace

std::vector<std::pair<std::string, std::string>> versions() {
  std::ostringstream compiler;
#if defined(__clang__)
  compiler << "clang " << __clang_major__ << '.' << __clang_minor__;
#else
  compiler << "gcc " << __GNUC__ << '.' << __GNUC_MINOR__;
#endif
  return {{"dgsam", DGSAM_VERSION},
          {"revision", DGSAM_REVISION},
          {"compiler", compiler.str()},
          {"json", "nlohmann " + nlohmann::json::meta()["version"]["string"].get<std::string>()},
          {"cli", std::string("CLI11 ") + CLI11_VERSION}};
}

std::string release_version() { return DGSAM_VERSION; }

std::string version_line() {
  const std::string revision = DGSAM_REVISION;
  return "dgsam-run " + release_version() + (revision == "unknown" ? "" : " (git " + revision + ")");
}

std::string cpu_name() {
  const std::string name = field("/proc/cpuinfo", "model name");
  return name.empty() ? "unknown processor" : name;
}

std::string cpu_features() {
  std::istringstream flags(field("/proc/cpuinfo", "flags"));
  std::string found;
  for (std::string flag; flags >> flag;) {
    for (const char* wanted : {"avx2", "fma", "avx512f", "avx512bw", "avx512_vnni", "avx512_bf16", "amx_bf16"}) {
      if (flag == wanted) found += (found.empty() ? "" : " ") + flag;
    }
  }
  return found;
}

double peak_memory_mb() {
  std::istringstream value(field("/proc/self/status", "VmHWM"));
  double kib = 0;
  value >> kib;
  return kib * 1024 / 1e6;
}

}  // namespace dgsam
