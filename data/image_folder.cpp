#include "data/image_folder.h"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>
#include <utility>

#include "data/look_alike.h"
#include "engine/core/check.h"
#include "engine/core/letter_case.h"

namespace dgsam {
namespace {

namespace fs = std::filesystem;

/// The entries of one directory by kind, names in byte order (char_traits compares as unsigned).
struct Listing {
  std::vector<std::string> directories, files;
};

/// Counts what is left out, and knows its first path.
struct Skipped {
  std::size_t count = 0;
  std::string first;

  void add(const fs::path& path) {
    if (count++ == 0 || path.string() < first) first = path.string();
  }
};

/// Names that start with a dot: editors and macOS leave whole trees of them. And FIFOs, sockets and devices: reading
/// them may never end.
struct LeftOut {
  Skipped dots, no_files;
};

bool is_no_file(const fs::directory_entry& entry) {
  std::error_code unknown;
  return entry.is_fifo(unknown) || entry.is_socket(unknown) || entry.is_character_file(unknown) ||
         entry.is_block_file(unknown);
}

Listing list_directory(const fs::path& path, LeftOut& left_out) {
  Listing listing;
  std::error_code error;
  for (fs::directory_iterator entry(path, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.starts_with('.')) {
      left_out.dots.add(entry->path());
    } else if (is_no_file(*entry)) {
      left_out.no_files.add(entry->path());
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
void walk(const fs::path& path, std::vector<std::pair<std::string, std::vector<std::string>>>& found,
          LeftOut& left_out) {
  Listing listing = list_directory(path, left_out);
  std::erase_if(listing.files, [](const std::string& name) { return !is_image_name(name); });
  found.emplace_back(path.string(), std::move(listing.files));
  for (const std::string& name : listing.directories) walk(path / name, found, left_out);
}

/// torchvision sorts the walked directories by their whole path, which is not the order of a depth-first walk:
/// "a-b" comes before "a/c".
void append_class(const fs::path& path, int label, std::vector<Sample>& samples, MissingClasses missing,
                  LeftOut& left_out) {
  const std::size_t before = samples.size();
  std::vector<std::pair<std::string, std::vector<std::string>>> directories;
  walk(path, directories, left_out);
  std::sort(directories.begin(), directories.end());
  for (const auto& [directory, names] : directories) {
    for (const std::string& name : names) samples.push_back({fs::path(directory) / name, label});
  }
  require(samples.size() > before || missing == MissingClasses::allow, path.string(),
          ": this class folder holds no image; --allow-missing-classes trains without");
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
    if (!std::binary_search(in_b.begin(), in_b.end(), name))
      return "'" + name + "' is in '" + a + "' only" + look_alike_note(name, in_b);
  }
  for (const std::string& name : in_b) {
    if (!std::binary_search(in_a.begin(), in_a.end(), name))
      return "'" + name + "' is in '" + b + "' only" + look_alike_note(name, in_a);
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

std::vector<std::string> classes_of_all(const std::string& source, const std::vector<std::string>& domains,
                                        const std::vector<std::vector<std::string>>& classes, MissingClasses missing) {
  std::set<std::string> all;
  for (std::size_t i = 0; i < domains.size(); ++i) {
    if (missing == MissingClasses::refuse) {
      const std::string difference = class_difference(domains.front(), classes.front(), domains[i], classes[i]);
      require(difference.empty(), source, ": domains '", domains.front(), "' and '", domains[i],
              "' have different classes: ", difference,
              "; labels would not agree; --allow-missing-classes takes the classes of all domains together");
    }
    all.insert(classes[i].begin(), classes[i].end());
  }
  return {all.begin(), all.end()};
}

std::string missing_classes_note(const ImageFolder& folder) {
  constexpr std::size_t kMostNamed = 5;
  std::vector<std::int64_t> images(folder.classes.size());
  std::string text;
  for (const Domain& domain : folder.domains) {
    std::vector<bool> there(folder.classes.size());
    for (const Sample& sample : domain.samples) there[static_cast<std::size_t>(sample.label)] = true;
    std::string names;
    std::size_t lacking = 0;
    for (std::size_t label = 0; label < there.size(); ++label) {
      images[label] += there[label];
      if (there[label] || ++lacking > kMostNamed) continue;
      names += (names.empty() ? "" : ", ") + folder.classes[label];
    }
    if (lacking == 0) continue;
    if (lacking > kMostNamed) names += " and " + std::to_string(lacking - kMostNamed) + " more";
    text += (text.empty() ? "" : "; ") + domain.name + " has no image of " + names;
  }
  for (std::size_t label = 0; label < images.size(); ++label) {
    require(images[label] > 0, folder.root.string(), ": no domain has an image of class '", folder.classes[label], "'");
  }
  if (text.empty()) return "";
  return "the " + std::to_string(folder.classes.size()) + " classes are those of all domains together, and " + text;
}

ImageFolder open_image_folder(const fs::path& root, MissingClasses missing) {
  std::error_code unknown;
  require(fs::is_directory(root, unknown), root.string(),
          ": no such directory; expected a tree root/domain/class/file");
  ImageFolder folder{.root = root, .domains = {}, .classes = {}, .notes = {}};
  LeftOut left_out;
  const std::vector<std::string> names = list_directory(root, left_out).directories;
  require(!names.empty(), root.string(), ": holds no domain; expected a tree root/domain/class/file");

  refuse_leftovers(root, names, "domain");
  std::vector<std::vector<std::string>> classes;
  for (const std::string& name : names) {
    classes.push_back(list_directory(root / name, left_out).directories);
    refuse_leftovers(root / name, classes.back(), "class");
    require(!classes.back().empty(), (root / name).string(), ": this domain holds no class folder; expected a tree ",
            root.string(), "/domain/class/file");
  }
  folder.classes = classes_of_all(root.string(), names, classes, missing);
  for (std::size_t i = 0; i < names.size(); ++i) {
    Domain domain{names[i], {}};
    for (const std::string& name : classes[i]) {
      const auto label = std::lower_bound(folder.classes.begin(), folder.classes.end(), name) - folder.classes.begin();
      append_class(root / names[i] / name, static_cast<int>(label), domain.samples, missing, left_out);
    }
    require(!domain.samples.empty(), (root / names[i]).string(), ": this domain holds no image");
    folder.domains.push_back(std::move(domain));
  }
  if (missing == MissingClasses::allow) {
    const std::string lacking = missing_classes_note(folder);
    if (!lacking.empty()) folder.notes.push_back(lacking);
  }
  const auto note = [&folder](const Skipped& skipped, const std::string& what) {
    if (skipped.count == 0) return;
    folder.notes.push_back("skipped " + std::to_string(skipped.count) + " " + what + ", such as " + skipped.first);
  };
  note(left_out.dots, "name(s) that start with a dot");
  note(left_out.no_files, "FIFO(s), sockets or devices, which are no images");
  return folder;
}

}  // namespace dgsam
