#include "data/duplicate_list.h"

#include <algorithm>
#include <sstream>

#include "data/image_file.h"
#include "engine/core/check.h"

namespace dgsam {

std::unordered_set<std::string> read_duplicate_list(const std::filesystem::path& path) {
  const std::vector<std::uint8_t> bytes = read_file(path);
  std::istringstream lines(std::string(bytes.begin(), bytes.end()));
  std::unordered_set<std::string> names;
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    line.erase(line.find_last_not_of(" \t\r") + 1);
    if (line.empty()) continue;
    require(std::count(line.begin(), line.end(), '/') == 2, path.string(), ": line ", number, " is '",
            line.substr(0, 80), "'; expected domain/class/file, as in DomainBed's domain_net_duplicates.txt");
    names.insert(line);
  }
  require(!names.empty(), path.string(), ": lists no file");
  return names;
}

}  // namespace dgsam
