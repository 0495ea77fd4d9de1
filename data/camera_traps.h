// Annotations of camera-trap images in the COCO Camera Traps format, which TerraIncognita is built from.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace dgsam {

struct TrapImage {
  std::string file_name;        // as annotated: relative to the folder of the images, perhaps with directories
  std::string location;         // a number in older files, text in newer ones; "" where the file gives none
  std::vector<int> categories;  // indices into TrapAnnotations::categories, ascending, each once
};

struct TrapAnnotations {
  std::vector<std::string> categories;
  std::vector<TrapImage> images;   // in the order of the file, each id once
  std::int64_t without_image = 0;  // annotations of images that the file does not list; left out
};

/// Reads {"images": [{"id", "file_name", "location"}], "annotations": [{"image_id", "category_id"}], "categories":
/// [{"id", "name"}]}; ids and locations are text or whole numbers, other keys are ignored. Linear in the length.
/// `name` stands for the file in errors. Throws Error naming line and column for text that is not JSON, and the entry
/// for a missing or mistyped field, an unknown category, or an image id with two different entries.
TrapAnnotations parse_annotations(std::string_view json, const std::string& name);

/// The same from a file.
TrapAnnotations read_annotations(const std::filesystem::path& path);

}  // namespace dgsam
