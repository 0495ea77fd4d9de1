// The file in which choices of algorithms are kept from run to run: a line of text per choice, shared by all programs,
// devices and library versions of one user.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

namespace dgsam {

/// Where the file is: `asked` if it says so, else the environment's DGSAM_PLAN_CACHE, else dgsam/conv-plans.txt in
/// $XDG_CACHE_HOME or ~/.cache. Empty (no file) for "none", and where none of these is set.
std::string plan_file_path(const std::string& asked);

/// One machine's choices. Lines are appended whole, so that several programs may write at the same time; the last line
/// of a problem counts. Nothing here fails a run: lines that make no sense are left out, and a file that cannot be
/// written is not; each of the two is said once, on stderr.
class PlanFile {
 public:
  /// `machine`: all that choices depend on beside the problem; a line of text without tabs. No file if `path` is empty.
  PlanFile(std::string path, std::string machine);

  /// The name of the algorithm chosen for a problem, by this program or another one so far.
  std::optional<std::string> find(const std::string& problem);
  void add(const std::string& problem, const std::string& algorithm, double microseconds);

  /// An algorithm that does not work on this machine, said by this program or another one: it is not found any more.
  bool is_bad(const std::string& problem, const std::string& algorithm);
  void add_bad(const std::string& problem, const std::string& algorithm);

  /// Empty where nothing is kept.
  const std::string& path() const { return path_; }

 private:
  void read_new_lines();
  void write(const std::string& problem, const std::string& algorithm, const std::string& microseconds);
  void note(const std::string& text);

  std::string path_, machine_;
  std::uint64_t read_ = 0;  ///< bytes of the file that choices_ knows of
  bool noted_ = false;      ///< that there were lines without sense
  std::unordered_map<std::string, std::string> choices_;
  std::set<std::pair<std::string, std::string>> bad_;  ///< problem and algorithm
};

}  // namespace dgsam
