// How the threads of a parallel loop wait for each other.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace dgsam {

/// Variables that make OpenMP's threads (GCC's and LLVM's) give up their core soon when they wait. By default they spin
/// for milliseconds: free on idle cores, but beside another busy process a thread that spins keeps a core from the one
/// that it waits for, and a step takes five to eight times as long. Empty when the environment `has` a choice of the
/// user's own among the variables that decide it.
std::vector<std::pair<std::string, std::string>> waiting_variables(bool (*has)(const char* variable));

/// Sets them and starts this program again in its own place, since OpenMP reads them before main(). Returns when that
/// has been done already, when the user has chosen, and where the system does not let it. Call first in main().
void wait_politely(char** argv);

}  // namespace dgsam
