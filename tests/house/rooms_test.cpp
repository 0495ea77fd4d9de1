// docs/architecture.md says which room may include which. These tests hold the sources against its table.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

namespace dgsam {
namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE(file);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// The first columns of the rows of the table under "## Rooms", lowest room first: "engine/core/", "engine/backend.h".
std::vector<std::string> rooms_in(const std::string& document) {
  std::vector<std::string> rooms;
  std::istringstream lines(document.substr(document.find("## Rooms")));
  const std::regex row("\\| `([^`]+)` \\|.*");
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (std::regex_match(line, match, row)) rooms.push_back(match[1]);
    if (!rooms.empty() && !line.starts_with("|")) break;
  }
  return rooms;
}

/// The position of the room that a file is in: the longest name that its path begins with; -1 for none.
int room_of(const std::vector<std::string>& rooms, const std::string& path) {
  int found = -1;
  for (std::size_t i = 0; i < rooms.size(); ++i) {
    const bool inside = path.starts_with(rooms[i]);
    if (inside && (found < 0 || rooms[i].size() > rooms[static_cast<std::size_t>(found)].size()))
      found = static_cast<int>(i);
  }
  return found;
}

/// "a/x.cpp includes b/y.h" for every file outside of all rooms and every include of a room that is above its own.
std::vector<std::string> faults(const std::vector<std::string>& rooms,
                                const std::map<std::string, std::string>& sources) {
  const std::regex include("#include \"([^\"]+/[^\"]+)\"");
  std::vector<std::string> found;
  for (const auto& [path, text] : sources) {
    const int own = room_of(rooms, path);
    if (own < 0) found.push_back(path + " is in no room");
    for (auto match = std::sregex_iterator(text.begin(), text.end(), include); match != std::sregex_iterator();
         ++match) {
      if (own >= 0 && room_of(rooms, (*match)[1]) > own) found.push_back(path + " includes " + (*match)[1].str());
    }
  }
  return found;
}

std::map<std::string, std::string> sources_of_the_project() {
  const fs::path root = DGSAM_SOURCE_DIR;
  std::map<std::string, std::string> sources;
  for (const char* const top : {"engine", "models", "optim", "data", "tools"}) {
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root / top)) {
      const std::string kind = entry.path().extension().string();
      if (kind == ".h" || kind == ".cpp" || kind == ".cu" || kind == ".cuh" || kind == ".def")
        sources[fs::relative(entry.path(), root).generic_string()] = text_of(entry.path());
    }
  }
  return sources;
}

}  // namespace

TEST_CASE("an upward include, and a file outside of all rooms, are found") {
  const std::vector<std::string> rooms = rooms_in(
      "# Title\n## Rooms\nText.\n\n| room | what |\n|---|---|\n| `low/` | a |\n| `low/high/` | b |\n\n| `not/` | c "
      "|\n");
  CHECK(rooms == std::vector<std::string>{"low/", "low/high/"});
  CHECK(faults(rooms, {{"low/a.h", ""}, {"low/high/b.h", "#include \"low/a.h\"\n"}}).empty());
  CHECK(faults(rooms, {{"low/a.cpp", "#include <vector>\n#include \"low/high/b.h\"\n"}, {"top/c.h", ""}}) ==
        std::vector<std::string>{"low/a.cpp includes low/high/b.h", "top/c.h is in no room"});
}

TEST_CASE("a room includes only rooms above it in the table of docs/architecture.md") {
  const std::vector<std::string> rooms = rooms_in(text_of(fs::path(DGSAM_SOURCE_DIR) / "docs/architecture.md"));
  REQUIRE(rooms.size() > 20);
  const std::map<std::string, std::string> sources = sources_of_the_project();
  REQUIRE(sources.size() > 300);
  for (const std::string& fault : faults(rooms, sources)) FAIL_CHECK(fault);
}

TEST_CASE("nothing of the run includes the lab, so that a build without the lab is whole") {
  for (const auto& [path, text] : sources_of_the_project()) {
    if (path.starts_with("tools/lab/") || path == "tools/dgsam_run.cpp") continue;
    CAPTURE(path);
    CHECK(text.find("#include \"tools/lab/") == std::string::npos);
  }
}

}  // namespace dgsam
