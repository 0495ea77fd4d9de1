#include "data/recipe.h"

#include <fstream>
#include <iterator>

#include "engine/core/check.h"

namespace dgsam {
namespace {

namespace fs = std::filesystem;

bool holds_text(const fs::path& path, const std::string& text) {
  std::ifstream file(path, std::ios::binary);
  const std::string found((std::istreambuf_iterator<char>(file)), {});
  return file.is_open() && found == text;
}

void write_text(const fs::path& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  require(file.good(), path.string(), ": cannot be written");
}

}  // namespace

bool make_by_recipe(const fs::path& folder, const std::string& recipe, const std::function<void()>& make) {
  const fs::path finished = folder / "recipe.json", started = folder / "recipe.unfinished.json";
  try {
    if (holds_text(finished, recipe)) return false;
    require(!fs::exists(folder) || fs::is_empty(folder) || holds_text(started, recipe), folder.string(),
            ": is not empty and holds no data set of these options; name another folder or remove this one");
    fs::create_directories(folder);
    write_text(started, recipe);
    make();
    fs::rename(started, finished);
  } catch (const fs::filesystem_error& error) {
    fail(error.what());
  }
  return true;
}

}  // namespace dgsam
