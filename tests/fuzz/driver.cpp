// Runs a fuzz target without libFuzzer: on every file of its corpus, then on a given number of mutations of them. The
// mutations are a function of --seed, so that a finding can be repeated; the input is kept in ./fuzz-finding.
//
//   fuzz_image [--runs N] [--seed S] FILE|FOLDER...
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "engine/core/rng.h"
#include "tests/fuzz/fuzz.h"
#include "tests/temporary_folder.h"

namespace dgsam {
namespace {

namespace fs = std::filesystem;

std::string current;  ///< the input that is being run

void keep_finding() {
  if (std::FILE* file = std::fopen("fuzz-finding", "wb")) {
    std::fwrite(current.data(), 1, current.size(), file);
    std::fclose(file);
    std::fputs("fuzz: the input is in ./fuzz-finding\n", stderr);
  }
}

/// No input of a few kilobytes has a reason to need this much beyond what the program has.
constexpr std::size_t kMemory = std::size_t{1} << 30;

#if defined(__SANITIZE_ADDRESS__)
extern "C" const char* __asan_default_options() { return "max_allocation_size_mb=600:allocator_may_return_null=0"; }
extern "C" void __sanitizer_set_death_callback(void (*)());
void watch() { __sanitizer_set_death_callback(keep_finding); }
#else
void watch() {
  const auto on_signal = [](int signal) {
    keep_finding();
    std::signal(signal, SIG_DFL);
    std::raise(signal);
  };
  for (const int signal : {SIGSEGV, SIGABRT, SIGFPE, SIGBUS, SIGILL}) std::signal(signal, on_signal);
  const rlimit limit{kMemory, kMemory};
  ::setrlimit(RLIMIT_DATA, &limit);
}
#endif

void run(std::string input) {
  current = std::move(input);
  // A copy of exactly the input's size, so that reading past its end is seen.
  const std::vector<std::uint8_t> bytes(current.begin(), current.end());
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

/// One to four small damages.
std::string mutate(const std::vector<std::string>& corpus, RandomStream& random) {
  const auto below = [&](std::size_t count) { return static_cast<std::size_t>(random.below(count)); };
  std::string input = corpus[below(corpus.size())];
  static constexpr const char* kNumbers[] = {"0", "-1", "255", "65536", "2147483648", "-9223372036854775808", "1e999"};
  static constexpr unsigned char kBytes[] = {0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff};
  for (std::size_t count = 1 + below(4); count > 0; --count) {
    const std::size_t at = below(input.size() + 1);
    switch (below(8)) {
      case 0:  // end early
        input.resize(at);
        break;
      case 1:  // a bit
        if (at < input.size()) input[at] = static_cast<char>(input[at] ^ (1 << below(8)));
        break;
      case 2:  // an extreme byte
        if (at < input.size()) input[at] = static_cast<char>(kBytes[below(std::size(kBytes))]);
        break;
      case 3:  // an extreme number
        for (std::size_t i = at; i < std::min(input.size(), at + 4); ++i) input[i] = random.below(2) ? '\xff' : '\0';
        break;
      case 4:  // the same again
        input.insert(at, input.substr(at, 1 + below(16)));
        break;
      case 5:  // something missing
        input.erase(at, 1 + below(16));
        break;
      case 6: {  // another number in a text
        const std::size_t digit = input.find_first_of("0123456789", at);
        if (digit == std::string::npos) break;
        const std::size_t end = std::min(input.size(), input.find_first_not_of("0123456789", digit));
        input.replace(digit, end - digit, kNumbers[below(std::size(kNumbers))]);
        break;
      }
      default: {  // the rest of another input
        const std::string& other = corpus[below(corpus.size())];
        input = input.substr(0, at) + other.substr(below(other.size() + 1));
      }
    }
  }
  return input;
}

int drive(int argc, char** argv) {
  std::uint64_t runs = 0, seed = 0;
  std::vector<fs::path> files;
  for (int i = 1; i < argc; ++i) {
    const bool numbered = i + 1 < argc;
    if (numbered && std::strcmp(argv[i], "--runs") == 0) {
      runs = std::strtoull(argv[++i], nullptr, 10);
    } else if (numbered && std::strcmp(argv[i], "--seed") == 0) {
      seed = std::strtoull(argv[++i], nullptr, 10);
    } else if (fs::is_directory(argv[i])) {
      for (const auto& entry : fs::recursive_directory_iterator(argv[i])) {
        if (entry.is_regular_file()) files.push_back(entry.path());
      }
    } else {
      files.emplace_back(argv[i]);
    }
  }
  std::sort(files.begin(), files.end());
  std::vector<std::string> corpus;
  for (const fs::path& file : files) corpus.push_back(read_bytes(file));
  if (corpus.empty()) {
    std::fputs("fuzz: give files or folders of inputs\n", stderr);
    return 2;
  }
  watch();
  for (const std::string& input : corpus) run(input);
  for (std::uint64_t i = 0; i < runs; ++i) {
    RandomStream random(seed, "fuzz", i);
    run(mutate(corpus, random));
  }
  std::printf("fuzz: %zu inputs and %llu mutations ended well\n", corpus.size(), static_cast<unsigned long long>(runs));
  return 0;
}

}  // namespace
}  // namespace dgsam

int main(int argc, char** argv) try { return dgsam::drive(argc, argv); } catch (const std::exception& error) {
  std::fprintf(stderr, "fuzz: %s\n", error.what());
  dgsam::keep_finding();
  return 1;
}
