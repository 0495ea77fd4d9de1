#include "data/manifest.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "data/image_file.h"
#include "data/manifest_rows.h"
#include "engine/core/check.h"
#include "engine/core/letter_case.h"

namespace dgsam {
namespace {

namespace fs = std::filesystem;

ManifestRows read_rows(const fs::path& file) {
  const std::string name = file.string(), extension = lower_case(file.extension().string());
  std::error_code unknown;
  require(!fs::is_directory(file, unknown), "--manifest ", name,
          ": is a folder; it must be a list of images, .csv or .json");
  require(extension == ".csv" || extension == ".json", "--manifest ", name, ": its name must end in .csv or .json");
  const std::vector<std::uint8_t> bytes = read_file(file);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return extension == ".csv" ? read_csv_rows(text, name) : read_json_rows(text, name);
}

void require_files(const std::vector<ManifestRow>& rows, const fs::path& root, const std::string& name) {
  std::map<std::string, std::int64_t> lines;  // by the path without detours
  for (const ManifestRow& row : rows) {
    const fs::path path = root / row.path;
    const auto [first, is_new] = lines.try_emplace(path.lexically_normal().string(), row.line);
    require(is_new, name, " line ", row.line, ": ", row.path, " is listed in line ", first->second, " already");
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    require(fs::is_regular_file(status), name, " line ", row.line, ": ", row.path, " is ",
            fs::exists(status) ? "no file" : "not there", "; paths are relative to the list's folder, ", root.string());
  }
}

/// The rows of each domain, in the order of its samples.
using DomainRows = std::map<std::string, std::vector<const ManifestRow*>>;

void require_whole_split(const DomainRows& domains, const std::string& name) {
  for (const auto& [domain, rows] : domains) {
    for (const ManifestRow* row : rows) {
      require(row->split.empty() == rows.front()->split.empty(), name, " line ",
              (row->split.empty() ? row : rows.front())->line, ": has no split, and line ",
              (row->split.empty() ? rows.front() : row)->line, " of the same domain '", domain,
              "' has one: give it for all images of a domain or for none");
    }
  }
}

}  // namespace

void check_row(const ManifestRow& row, const std::string& name) {
  const auto require_value = [&](const std::string& value, const char* column) {
    require(!value.empty(), name, " line ", row.line, ": has no ", column);
    require(value.find('\0') == std::string::npos, name, " line ", row.line, ": its ", column, " holds a zero byte");
  };
  require_value(row.path, "path");
  require_value(row.domain, "domain");
  require_value(row.label, "label");
  require(row.split.empty() || row.split == "in" || row.split == "out", name, " line ", row.line, ": split is \"",
          row.split, "\"; it must be in, which is trained on, or out, which is held out");
}

ImageFolder open_manifest(const fs::path& file, MissingClasses missing) {
  const ManifestRows list = read_rows(file);
  const std::string name = file.string();
  require(!list.rows.empty(), name, ": lists no image");
  const fs::path root = file.has_parent_path() ? file.parent_path() : fs::path(".");
  require_files(list.rows, root, name);

  DomainRows rows_of;
  for (const ManifestRow& row : list.rows) rows_of[row.domain].push_back(&row);
  std::vector<std::string> domains;
  std::vector<std::vector<std::string>> classes;
  for (auto& [domain, rows] : rows_of) {
    std::sort(rows.begin(), rows.end(), [](const ManifestRow* a, const ManifestRow* b) {
      return std::tie(a->label, a->path) < std::tie(b->label, b->path);
    });
    std::set<std::string> labels;
    for (const ManifestRow* row : rows) labels.insert(row->label);
    domains.push_back(domain);
    classes.emplace_back(labels.begin(), labels.end());
  }
  require_whole_split(rows_of, name);

  ImageFolder folder{
      .root = root, .domains = {}, .classes = classes_of_all(name, domains, classes, missing), .notes = {}};
  for (const auto& [domain, rows] : rows_of) {
    Domain& made = folder.domains.emplace_back(Domain{domain, {}});
    for (const ManifestRow* row : rows) {
      const auto label = std::lower_bound(folder.classes.begin(), folder.classes.end(), row->label);
      made.samples.push_back({root / row->path, static_cast<int>(label - folder.classes.begin())});
      if (!row->split.empty()) made.held_out.push_back(row->split == "out");
    }
  }
  if (!list.ignored.empty()) {
    std::string names;
    for (const std::string& column : list.ignored) names += (names.empty() ? "" : ", ") + column;
    folder.notes.push_back(name + ": ignored " + names);
  }
  const std::string note = missing_classes_note(folder);
  if (!note.empty()) folder.notes.push_back(note);
  return folder;
}

}  // namespace dgsam
