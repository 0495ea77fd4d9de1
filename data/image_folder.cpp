#include "data/image_folder.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "engine/core/check.h"
#include "engine/core/letter_case.h"

namespace dgsam {
namespace {

namespace fs = std::filesystem;

/// The entries of one directory by kind, names in byte order (char_traits compares as unsigned).
struct Listing {
  std::vector<std::string> directories, files;
};

/// Counts the names that start with a dot: editors and macOS leave whole trees of them.
struct DotNames {
  std::size_t count = 0;
  std::string first;
};

Listing list_directory(const fs::path& path, DotNames& dots) {
  Listing listing;
  std::error_code error;
  for (fs::directory_iterator entry(path, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.starts_with('.')) {
      if (dots.count++ == 0 || entry->path().string() < dots.first) dots.first = entry->path().string();
    } else {
      std::error_code dangling;  // a dangling link is neither; decoding it names it
      (entry->is_directory(dangling) ? listing.directories : listing.files).push_back(name);
    }
  }
  require(!error, path.string(), ": cannot be listed (", error.message(), ")");
  std::sort(listing.directories.begin(), listing.directories.end());
  std::sort(listing.files.begin(), listing.files.end());
  return listing;
}

/// Every directory at and below `path` with the images it holds.
void walk(const fs::path& path, std::vector<std::pair<std::string, std::vector<std::string>>>& found, DotNames& dots) {
  Listing listing = list_directory(path, dots);
  std::erase_if(listing.files, [](const std::string& name) { return !is_image_name(name); });
  found.emplace_back(path.string(), std::move(listing.files));
  for (const std::string& name : listing.directories) walk(path / name, found, dots);
}

/// torchvision sorts the walked directories by their whole path, which is not the order of a depth-first walk:
/// "a-b" comes before "a/c".
void append_class(const fs::path& path, int label, std::vector<Sample>& samples, DotNames& dots) {
  const std::size_t before = samples.size();
  std::vector<std::pair<std::string, std::vector<std::string>>> directories;
  walk(path, directories, dots);
  std::sort(directories.begin(), directories.end());
  for (const auto& [directory, names] : directories) {
    for (const std::string& name : names) samples.push_back({fs::path(directory) / name, label});
  }
  require(samples.size() > before, path.string(), ": this class folder holds no image");
}

/// Folders that downloads, archivers and file servers leave beside the data. Taken as a domain or a class, one of them
/// would shift the index of everything that sorts after it.
void refuse_leftovers(const fs::path& path, const std::vector<std::string>& names, const char* kind) {
  // clang-format off
  static constexpr std::array<std::string_view, 10> kLeftovers = {
      "__MACOSX", "eccv_18_all_images_sm", "eccv_18_annotation_files", "eccv_18_annotations", "splits",
      "$RECYCLE.BIN", "System Volume Information", "lost+found", "@eaDir", "__pycache__"};
  // clang-format on
  std::string found;
  for (const std::string& name : names) {
    if (std::find(kLeftovers.begin(), kLeftovers.end(), name) == kLeftovers.end()) continue;
    found += (found.empty() ? "" : ", ") + name;
  }
  require(found.empty(), path.string(), " holds ", found, ", left over from unpacking: not a ", kind,
          ", and taken as one it would shift the index of every ", kind, " after it; move it away");
}

/// The first class that only one of two lists has, said as a sentence.
std::string class_difference(const std::string& a, const std::vector<std::string>& in_a, const std::string& b,
                             const std::vector<std::string>& in_b) {
  for (const std::string& name : in_a) {
    if (!std::binary_search(in_b.begin(), in_b.end(), name)) return "'" + name + "' is in '" + a + "' only";
  }
  for (const std::string& name : in_b) {
    if (!std::binary_search(in_a.begin(), in_a.end(), name)) return "'" + name + "' is in '" + b + "' only";
  }
  return "";
}

}  // namespace

bool is_image_name(const std::string& name) {
  static constexpr std::array<std::string_view, 9> kExtensions = {".jpg", ".jpeg", ".png",  ".ppm", ".bmp",
                                                                  ".pgm", ".tif",  ".tiff", ".webp"};
  const std::string extension = lower_case(fs::path(name).extension().string());
  return std::find(kExtensions.begin(), kExtensions.end(), extension) != kExtensions.end();
}

ImageFolder open_image_folder(const fs::path& root) {
  std::error_code unknown;
  require(fs::is_directory(root, unknown), root.string(),
          ": no such directory; expected a tree root/domain/class/file");
  ImageFolder folder{.root = root, .domains = {}, .classes = {}, .notes = {}};
  DotNames dots;
  const std::vector<std::string> names = list_directory(root, dots).directories;
  require(!names.empty(), root.string(), ": holds no domain; expected a tree root/domain/class/file");

  refuse_leftovers(root, names, "domain");
  for (const std::string& name : names) {
    const std::vector<std::string> classes = list_directory(root / name, dots).directories;
    refuse_leftovers(root / name, classes, "class");
    require(!classes.empty(), (root / name).string(), ": this domain holds no class folder; expected a tree ",
            root.string(), "/domain/class/file");
    if (folder.domains.empty()) folder.classes = classes;
    const std::string difference = class_difference(names.front(), folder.classes, name, classes);
    require(difference.empty(), root.string(), ": domains '", names.front(), "' and '", name,
            "' have different classes: ", difference, "; labels would not agree");
    Domain domain{name, {}};
    for (std::size_t label = 0; label < classes.size(); ++label)
      append_class(root / name / classes[label], static_cast<int>(label), domain.samples, dots);
    folder.domains.push_back(std::move(domain));
  }
  if (dots.count > 0)
    folder.notes.push_back("skipped " + std::to_string(dots.count) + " name(s) that start with a dot, such as " +
                           dots.first);
  return folder;
}

}  // namespace dgsam
