#include <algorithm>
#include <set>
#include <tuple>

#include "data/camera_traps.h"
#include "data/import_source.h"
#include "engine/core/check.h"

namespace dgsam {
namespace {

namespace fs = std::filesystem;

/// The name without directories. Throws Error unless it stays inside the folder of the images.
std::string plain_name(const fs::path& file_name, const fs::path& annotations) {
  const bool climbs =
      std::any_of(file_name.begin(), file_name.end(), [](const fs::path& part) { return part == ".."; });
  require(!climbs && file_name.is_relative() && file_name.has_filename() && file_name.filename() != ".",
          annotations.string(), ": has an image file name '", file_name.string(), "', which is no file of its folder");
  return file_name.filename().string();
}

/// The image in the archive's flat folder, or below it where the annotations give directories; empty if in neither.
fs::path find_image(const fs::path& images, const std::string& annotated, const std::string& plain) {
  std::error_code missing;
  for (const fs::path& path : {images / annotated, images / plain}) {
    if (fs::is_regular_file(path, missing)) return path;
  }
  return {};
}

std::string first_names(const std::set<std::string>& names) {
  constexpr int kMost = 5;
  std::string text;
  int named = 0;
  for (const std::string& name : names) {
    if (named == kMost) return text + ", ...";
    text += (named++ ? ", " : "") + name;
  }
  return text;
}

/// The images that one annotation file asks for, and the names of those that are not there.
struct Selection {
  const DatasetSpec& spec;
  const fs::path& images;
  ImportPlan& plan;
  std::set<std::string> missing = {};

  void add(const fs::path& file) {
    const TrapAnnotations annotations = read_annotations(file);
    if (annotations.without_image > 0)
      plan.notes.push_back(file.string() + ": left out " + grouped_digits(annotations.without_image) +
                           " annotations of images that it does not list");
    for (const TrapImage& image : annotations.images) {
      const std::string domain = "location_" + image.location;
      const bool is_kept = std::any_of(spec.domains.begin(), spec.domains.end(),
                                       [&](const KnownDomain& known) { return known.name == domain; });
      if (is_kept) add(image, annotations.categories, domain, file);
    }
  }

  void add(const TrapImage& image, const std::vector<std::string>& categories, const std::string& domain,
           const fs::path& file) {
    std::vector<std::string> kept;
    for (const int category : image.categories) {
      const std::string& name = categories[static_cast<std::size_t>(category)];
      if (std::binary_search(spec.classes.begin(), spec.classes.end(), name)) kept.push_back(name);
    }
    if (kept.empty()) return;
    const std::string plain = plain_name(image.file_name, file);
    const fs::path source = find_image(images, image.file_name, plain);
    if (source.empty()) {
      missing.insert(image.file_name);
      return;
    }
    for (const std::string& name : kept) plan.items.push_back({source, domain + "/" + name + "/" + plain});
  }
};

/// Files of annotations may overlap: the same image for the same place is planned once.
void join_repeats(ImportPlan& plan) {
  const auto key = [](const ImportItem& item) { return std::tie(item.destination, item.source); };
  std::sort(plan.items.begin(), plan.items.end(),
            [&](const ImportItem& a, const ImportItem& b) { return key(a) < key(b); });
  const auto same = [&](const ImportItem& a, const ImportItem& b) { return key(a) == key(b); };
  plan.items.erase(std::unique(plan.items.begin(), plan.items.end(), same), plan.items.end());
}

}  // namespace

ImportPlan plan_terra_incognita(const fs::path& images, const std::vector<fs::path>& annotations) {
  static constexpr const char* kArchive = "eccv_18_all_images_sm";
  std::error_code unknown;
  require(fs::is_directory(images, unknown), images.string(), ": no such folder; expected the images of ", kArchive);
  const DatasetSpec& spec = find_dataset("TerraIncognita");
  ImportPlan plan{.dataset = spec.name, .source = images, .items = {}, .notes = {}};
  if (fs::is_directory(images / kArchive, unknown)) plan.source = images / kArchive;

  Selection selection{spec, plan.source, plan};
  for (const fs::path& file : annotations) selection.add(file);
  const std::set<std::string>& missing = selection.missing;
  const std::string named = first_names(missing);
  require(!plan.items.empty() || !missing.empty(), annotations.empty() ? "no annotations" : annotations[0].string(),
          ": no image is of a location and category of TerraIncognita (", spec.what, ")");
  require(!plan.items.empty(), plan.source.string(), ": holds none of the ", grouped_digits(std::ssize(missing)),
          " annotated images, such as ", named);
  if (!missing.empty())
    plan.notes.push_back(grouped_digits(std::ssize(missing)) + " annotated images are not in " + plan.source.string() +
                         ": " + named);
  join_repeats(plan);
  plan.notes.insert(plan.notes.begin(), "Recognised " + spec.name + ": " + grouped_digits(std::ssize(plan.items)) +
                                            " images in " + plan.source.string() + " by " +
                                            std::to_string(annotations.size()) + " annotation file(s)");
  finish_plan(plan);
  return plan;
}

}  // namespace dgsam
