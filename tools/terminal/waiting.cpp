#include "tools/terminal/waiting.h"

#include <unistd.h>

#include <climits>
#include <cstdlib>

namespace dgsam {

std::vector<std::pair<std::string, std::string>> waiting_variables(bool (*has)(const char* variable)) {
  for (const char* const chosen : {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"}) {
    if (has(chosen)) return {};
  }
  // GCC: turns of a loop, some microseconds, which is what neighbouring operations of a step are apart. LLVM: in
  // milliseconds, so the next best is not to spin at all.
  return {{"GOMP_SPINCOUNT", "2000"}, {"KMP_BLOCKTIME", "0"}};
}

void wait_politely(char** argv) {
  const auto variables = waiting_variables([](const char* variable) { return std::getenv(variable) != nullptr; });
  if (variables.empty()) return;
  // By its path, not as /proc/self/exe: that would become the name that ps and top show.
  char path[PATH_MAX];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
  if (length <= 0) return;
  path[length] = '\0';
  for (const auto& [name, value] : variables) setenv(name.c_str(), value.c_str(), 0);
  execv(path, argv);
}

}  // namespace dgsam
