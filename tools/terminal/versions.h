// What this binary is and what it was built with, for config.json and `dgsam-run info`.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace dgsam {

/// Pairs of name and value: dgsam, revision, compiler, ...
std::vector<std::pair<std::string, std::string>> versions();
/// "0.2.0", of CMakeLists.txt.
std::string release_version();
/// "dgsam-run 0.2.0 (git 1a2b3c4)"; without the bracket where the sources were no git repository.
std::string version_line();
/// The processor's name as the operating system gives it.
std::string cpu_name();
/// The vector extensions that the kernels can use here: "avx2 avx512f avx512_bf16".
std::string cpu_features();
/// Peak resident memory of this process so far, in MB (10^6 bytes); 0 where the system does not tell.
double peak_memory_mb();

}  // namespace dgsam
