#include "tools/dataset/dataset_check.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <fstream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string_view>
#include <tuple>
#include <unordered_set>
#include <utility>

#include "data/duplicate_list.h"
#include "engine/core/check.h"
#include "tools/terminal/text_columns.h"

namespace dgsam {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostClassesShown = 12;

struct ProblemText {
  FileProblem problem;
  const char* key;    // in JSON
  const char* title;  // of the list
};
constexpr std::array<ProblemText, 6> kProblems = {{
    {FileProblem::empty, "empty", "Empty files"},
    {FileProblem::unreadable, "unreadable", "Files that cannot be decoded, where training would stop"},
    {FileProblem::truncated, "truncated", "Truncated or damaged files, decoded as far as they go"},
    {FileProblem::duplicate, "duplicates", "Files that the list of duplicates says to delete"},
    {FileProblem::wrong_extension, "wrong_extension", "Warning: files of another format than their names say"},
    {FileProblem::ignored, "ignored", "Warning: images that are not read"},
}};

std::string lower_extension(const fs::path& path) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  return extension;
}

bool extension_fits(const fs::path& path, ImageFormat format) {
  const std::string extension = lower_extension(path);
  return ((extension == ".jpg" || extension == ".jpeg") && format == ImageFormat::jpeg) ||
         (extension == ".png" && format == ImageFormat::png) || (extension == ".bmp" && format == ImageFormat::bmp) ||
         ((extension == ".ppm" || extension == ".pgm") && format == ImageFormat::pnm) ||
         (extension == ".webp" && format == ImageFormat::webp) ||
         ((extension == ".tif" || extension == ".tiff") && format == ImageFormat::tiff);
}

/// By its first bytes. More formats than can be decoded: the point is that it was meant to be an image.
bool looks_like_image(const fs::path& path) {
  using namespace std::string_view_literals;
  std::array<char, 12> bytes{};
  std::ifstream(path, std::ios::binary).read(bytes.data(), bytes.size());
  const std::string_view start(bytes.data(), bytes.size());
  constexpr std::array<std::string_view, 7> kMagic = {"\xFF\xD8\xFF"sv, "\x89PNG"sv, "GIF8"sv, "P5\n"sv,
                                                      "P6\n"sv,         "II*\0"sv,   "MM\0*"sv};
  return std::any_of(kMagic.begin(), kMagic.end(), [&](std::string_view magic) { return start.starts_with(magic); }) ||
         (start.starts_with("BM") && start.substr(6, 4) == "\0\0\0\0"sv) ||
         (start.starts_with("RIFF") && start.substr(8) == "WEBP");
}

/// What one file is, if there is anything to say about it.
std::vector<Finding> check_file(const fs::path& path) {
  std::error_code unknown;
  const auto bytes = fs::file_size(path, unknown);
  if (!unknown && bytes == 0) return {{FileProblem::empty, path.string(), ""}};
  std::vector<Finding> findings;
  try {
    DecodeReport report;
    decode_image(path, &report);
    if (report.truncated) findings.push_back({FileProblem::truncated, path.string(), ""});
    if (!extension_fits(path, report.format))
      findings.push_back({FileProblem::wrong_extension, path.string(), format_name(report.format)});
  } catch (const Error& error) {
    std::string detail = error.what();  // begins with the path
    if (detail.starts_with(path.string() + ": ")) detail.erase(0, path.string().size() + 2);
    findings.push_back({FileProblem::unreadable, path.string(), detail});
  }
  return findings;
}

/// Files below the root that hold an image, yet are no sample.
void find_ignored(const ImageFolder& folder, std::vector<Finding>& findings) {
  std::error_code error;
  const auto options = fs::directory_options::follow_directory_symlink | fs::directory_options::skip_permission_denied;
  for (fs::recursive_directory_iterator entry(folder.root, options, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code dangling;
    const std::string name = entry->path().filename().string();
    if (name.starts_with('.')) {
      entry.disable_recursion_pending();
    } else if (entry->is_regular_file(dangling)) {
      const bool in_class = entry.depth() >= 2, image_name = is_image_name(name);
      if (in_class && image_name) continue;
      if (!looks_like_image(entry->path())) continue;
      findings.push_back({FileProblem::ignored, entry->path().string(),
                          in_class ? "the extension is none of an image" : "outside a class folder"});
    }
  }
  require(!error, folder.root.string(), ": cannot be listed (", error.message(), ")");
}

void find_duplicates(const ImageFolder& folder, const fs::path& list, std::vector<Finding>& findings) {
  const std::unordered_set<std::string> names = read_duplicate_list(list);
  const std::size_t root = folder.root.string().size();
  for (const Domain& domain : folder.domains) {
    for (const Sample& sample : domain.samples) {
      const std::string path = sample.path.string();
      if (names.contains(path.substr(path.find_first_not_of('/', root))))
        findings.push_back({FileProblem::duplicate, path, ""});
    }
  }
}

std::string signed_digits(std::int64_t difference) { return (difference > 0 ? "+" : "") + grouped_digits(difference); }

std::string domain_table(const DatasetCheck& check) {
  const Vintage* expected = check.expected();
  std::vector<std::vector<std::string>> rows = {{"domain", "images"}};
  if (expected) rows.front().insert(rows.front().end(), {"expected", "difference"});
  std::int64_t total = 0;
  const auto add = [&](const std::string& name, std::int64_t images, std::int64_t published) {
    rows.push_back({name, grouped_digits(images)});
    if (expected) rows.back().insert(rows.back().end(), {grouped_digits(published), signed_digits(images - published)});
  };
  for (std::size_t i = 0; i < check.folder.domains.size(); ++i) {
    const Domain& domain = check.folder.domains[i];
    add(std::to_string(i) + " " + domain.name, std::ssize(domain.samples), expected ? expected->images[i] : 0);
    total += std::ssize(domain.samples);
  }
  add("total", total, expected ? expected->total() : 0);
  return text_columns(rows);
}

/// What was published about one class of one domain; -1: nothing.
std::int64_t published(const Vintage* vintage, std::size_t domain, std::size_t label) {
  return vintage && !vintage->class_images.empty() ? vintage->class_images[domain][label] : -1;
}

std::string class_table(const DatasetCheck& check) {
  std::vector<std::vector<std::string>> rows = {{"class"}};
  for (const Domain& domain : check.folder.domains) rows.front().push_back(domain.name);
  for (std::size_t label = 0; label < check.folder.classes.size(); ++label) {
    rows.push_back({check.folder.classes[label]});
    for (std::size_t domain = 0; domain < check.images.size(); ++domain) {
      const std::int64_t images = check.images[domain][label], known = published(check.expected(), domain, label);
      const bool differs = known >= 0 && images != known;
      rows.back().push_back(grouped_digits(images) + (differs ? " (" + signed_digits(images - known) + ")" : ""));
    }
  }
  return text_columns(rows);
}

}  // namespace

const char* format_name(ImageFormat format) {
  switch (format) {
    case ImageFormat::jpeg:
      return "JPEG";
    case ImageFormat::png:
      return "PNG";
    case ImageFormat::bmp:
      return "BMP";
    case ImageFormat::pnm:
      return "PNM";
    case ImageFormat::gif:
      return "GIF";
    case ImageFormat::webp:
      return "WebP";
    case ImageFormat::tiff:
      return "TIFF";
  }
  return "";
}

bool is_warning(FileProblem problem) {
  return problem == FileProblem::wrong_extension || problem == FileProblem::ignored;
}

std::int64_t DatasetCheck::found(FileProblem problem) const {
  return std::count_if(findings.begin(), findings.end(), [&](const Finding& one) { return one.problem == problem; });
}

const Vintage* DatasetCheck::expected() const {
  return names_problem.empty() ? closest_vintage(folder, spec) : nullptr;
}

bool DatasetCheck::as_published() const {
  if (!names_problem.empty()) return false;
  if (spec.vintages.empty()) return true;
  const Vintage* vintage = matching_vintage(folder, spec);
  return vintage && vintage->unfinished.empty() && (vintage->class_images.empty() || vintage->class_images == images);
}

bool DatasetCheck::passed() const {
  return as_published() && std::all_of(findings.begin(), findings.end(),
                                       [](const Finding& finding) { return is_warning(finding.problem); });
}

DatasetCheck count_dataset(const DatasetSpec& spec, const fs::path& root) {
  DatasetCheck check;
  check.spec = spec;
  check.folder = open_image_folder(root);
  for (const Domain& domain : check.folder.domains) {
    check.images.emplace_back(check.folder.classes.size());
    for (const Sample& sample : domain.samples) ++check.images.back()[static_cast<std::size_t>(sample.label)];
  }
  check.counts = describe_counts(check.folder, spec);
  try {
    verify_known(check.folder, spec);
  } catch (const Error& error) {
    check.names_problem = error.what();
  }
  return check;
}

void check_files(DatasetCheck& check, const FileCheckOptions& options, const Progress& progress) {
  if (!options.duplicates.empty()) find_duplicates(check.folder, options.duplicates, check.findings);
  find_ignored(check.folder, check.findings);
  std::vector<const fs::path*> files;
  for (const Domain& domain : check.folder.domains) {
    for (const Sample& sample : domain.samples) files.push_back(&sample.path);
  }
  std::mutex mutex;
  parallel_items(
      std::ssize(files), options.threads,
      [&](std::int64_t item) {
        for (Finding& finding : check_file(*files[static_cast<std::size_t>(item)])) {
          const std::lock_guard lock(mutex);
          check.findings.push_back(std::move(finding));
        }
      },
      progress);
  std::sort(check.findings.begin(), check.findings.end(), [](const Finding& a, const Finding& b) {
    return std::tie(a.problem, a.path) < std::tie(b.problem, b.path);
  });
  check.decoded = true;
}

std::string count_tables(const DatasetCheck& check) {
  const bool few_classes = check.folder.classes.size() <= kMostClassesShown;
  return domain_table(check) + (few_classes ? "\n" + class_table(check) : "");
}

std::string findings_text(const DatasetCheck& check, std::size_t most) {
  std::string text;
  for (const ProblemText& one : kProblems) {
    const std::int64_t found = check.found(one.problem);
    if (found == 0) continue;
    text += std::string(text.empty() ? "" : "\n") + one.title + ": " + grouped_digits(found) + "\n";
    std::size_t shown = 0;
    for (const Finding& finding : check.findings) {
      if (finding.problem != one.problem || shown == most) continue;
      ++shown;
      text += "  " + finding.path + (finding.detail.empty() ? "" : " (" + finding.detail + ")") + "\n";
    }
    const std::int64_t left = found - static_cast<std::int64_t>(shown);
    if (left > 0) text += "  and " + grouped_digits(left) + " more (--json lists them all)\n";
  }
  return text;
}

std::string failure_summary(const DatasetCheck& check) {
  std::string text;
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  if (!check.names_problem.empty()) {
    add("domains or classes differ");
  } else if (!check.as_published()) {
    add("the numbers of images are not the published ones");
  }
  for (const ProblemText& one : kProblems) {
    if (const std::int64_t found = check.found(one.problem); found > 0 && !is_warning(one.problem))
      add(std::string(one.key) + " " + grouped_digits(found));
  }
  return text;
}

nlohmann::ordered_json to_json(const DatasetCheck& check) {
  const Vintage *expected = check.expected(), *vintage = matching_vintage(check.folder, check.spec);
  nlohmann::ordered_json json{{"dataset", check.spec.name}, {"root", check.folder.root.string()}};
  json["passed"] = check.passed();
  json["as_published"] = check.as_published();
  json["counts"] = check.counts;
  if (vintage && check.names_problem.empty()) json["vintage"] = vintage->name;
  if (!check.names_problem.empty()) json["names_problem"] = check.names_problem;
  json["notes"] = check.folder.notes;
  json["domains"] = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < check.folder.domains.size(); ++i) {
    nlohmann::ordered_json domain{{"name", check.folder.domains[i].name},
                                  {"images", check.folder.domains[i].samples.size()}};
    if (expected) domain["expected"] = expected->images[i];
    for (std::size_t label = 0; label < check.folder.classes.size(); ++label)
      domain["classes"][check.folder.classes[label]] = check.images[i][label];
    if (expected && !expected->class_images.empty()) {
      for (std::size_t label = 0; label < check.folder.classes.size(); ++label)
        domain["expected_classes"][check.folder.classes[label]] = expected->class_images[i][label];
    }
    json["domains"].push_back(std::move(domain));
  }
  if (!check.decoded) return json;
  for (const ProblemText& one : kProblems) json["files"][one.key] = nlohmann::ordered_json::array();
  for (const Finding& finding : check.findings) {
    const auto& text = kProblems[static_cast<std::size_t>(finding.problem)];
    nlohmann::ordered_json file{{"path", finding.path}};
    if (!finding.detail.empty()) file["detail"] = finding.detail;
    json["files"][text.key].push_back(std::move(file));
  }
  return json;
}

}  // namespace dgsam
