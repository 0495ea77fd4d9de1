#include "data/camera_traps.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "data/image_file.h"
#include "engine/core/check.h"

namespace dgsam {
namespace {

using nlohmann::json;

/// One entry of one of the three lists, for error messages that name it.
struct Entry {
  const std::string& file;
  const char* list;
  std::size_t index;
  const json& value;

  const json& field(const char* key) const {
    require(value.is_object(), file, ": ", list, "[", index, "] is not an object");
    const auto found = value.find(key);
    require(found != value.end(), file, ": ", list, "[", index, "] has no \"", key, "\"");
    return *found;
  }
  std::string text(const char* key) const {
    const json& found = field(key);
    require(found.is_string(), file, ": ", list, "[", index, "].", key, " is not text");
    return found.get<std::string>();
  }
  /// An id, which some files write as text and some as a number.
  std::string id(const char* key) const {
    const json& found = field(key);
    require(found.is_string() || found.is_number_integer(), file, ": ", list, "[", index, "].", key,
            " is neither text nor a whole number");
    return found.is_string() ? found.get<std::string>() : found.dump();
  }
  bool has(const char* key) const { return value.is_object() && value.contains(key) && !value[key].is_null(); }
};

template <class Visit>
void for_each_entry(const json& document, const std::string& file, const char* list, Visit visit) {
  const auto entries = document.find(list);
  require(entries != document.end() && entries->is_array(), file, ": has no list \"", list,
          "\"; expected COCO Camera Traps annotations");
  for (std::size_t i = 0; i < entries->size(); ++i) visit(Entry{file, list, i, (*entries)[i]});
}

/// Takes about six times the length of the text in memory: 0.6 GB for LILA's 100 MB.
json parse_json(std::string_view text, const std::string& name) {
  try {
    return json::parse(text);
  } catch (const json::exception& error) {
    const std::string what = error.what();  // "[json.exception.parse_error.101] parse error at line 3, column 7: ..."
    fail(name, ": cannot be read as JSON: ", what.substr(std::min(what.size(), what.find("] ") + 2)));
  }
}

}  // namespace

TrapAnnotations parse_annotations(std::string_view text, const std::string& name) {
  const json document = parse_json(text, name);
  require(document.is_object(), name, ": is not a JSON object; expected COCO Camera Traps annotations");
  TrapAnnotations result;

  std::unordered_map<std::string, int> category_of;
  for_each_entry(document, name, "categories", [&](const Entry& entry) {
    const auto [known, added] = category_of.emplace(entry.id("id"), static_cast<int>(result.categories.size()));
    require(added, name, ": categories[", entry.index, "] repeats the id ", known->first);
    result.categories.push_back(entry.text("name"));
  });

  std::unordered_map<std::string, std::size_t> image_of;
  for_each_entry(document, name, "images", [&](const Entry& entry) {
    TrapImage image{entry.text("file_name"), entry.has("location") ? entry.id("location") : "", {}};
    const auto [known, added] = image_of.emplace(entry.id("id"), result.images.size());
    if (!added) {
      const TrapImage& first = result.images[known->second];
      require(first.file_name == image.file_name && first.location == image.location, name, ": images[", entry.index,
              "] repeats the id ", known->first, " with another file or location");
      return;
    }
    result.images.push_back(std::move(image));
  });

  for_each_entry(document, name, "annotations", [&](const Entry& entry) {
    const auto image = image_of.find(entry.id("image_id"));
    const std::string category_id = entry.id("category_id");
    const auto category = category_of.find(category_id);
    require(category != category_of.end(), name, ": annotations[", entry.index, "] has category_id ", category_id,
            ", which is none of the categories");
    if (image == image_of.end()) {
      ++result.without_image;
    } else {
      result.images[image->second].categories.push_back(category->second);
    }
  });
  for (TrapImage& image : result.images) {
    std::sort(image.categories.begin(), image.categories.end());
    image.categories.erase(std::unique(image.categories.begin(), image.categories.end()), image.categories.end());
  }
  return result;
}

TrapAnnotations read_annotations(const std::filesystem::path& path) {
  const std::vector<std::uint8_t> bytes = read_file(path);
  return parse_annotations({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path.string());
}

}  // namespace dgsam
