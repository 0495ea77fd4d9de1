// Whether an image folder is the data set that was published, and whether every file in it can be decoded.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "data/datasets.h"
#include "data/image.h"
#include "data/image_folder.h"
#include "data/parallel.h"

namespace dgsam {

enum class FileProblem : std::uint8_t {
  empty,            // no bytes at all
  unreadable,       // training would stop at it
  truncated,        // decoded as far as it goes
  duplicate,        // named by the user's list of files to delete
  wrong_extension,  // of another format than its name says; decoded by its content
  ignored,          // an image that is not read: outside a class folder, or with an extension that is not on the list
};

/// "JPEG".
const char* format_name(ImageFormat format);

/// The two that the data set can be used with as it is; they do not fail a check.
bool is_warning(FileProblem problem);

struct Finding {
  FileProblem problem = FileProblem::empty;
  std::string path;
  std::string detail;  // one clause; may be empty
};

/// An image folder held against what is known about a data set.
struct DatasetCheck {
  DatasetSpec spec;
  ImageFolder folder;
  std::vector<std::vector<std::int64_t>> images;  // [domain][class]
  std::string names_problem;                      // what verify_known() says; empty: domains and classes agree
  std::string counts;                             // describe_counts()
  std::vector<Finding> findings;                  // by problem, then by path
  bool decoded = false;                           // whether files were looked at

  /// The closest vintage; null when domains or classes differ, or nothing was published.
  const Vintage* expected() const;
  std::int64_t found(FileProblem problem) const;
  /// Domains, classes and counts are those of a finished vintage. True for a spec without expectations.
  bool as_published() const;
  /// as_published(), and no finding but warnings.
  bool passed() const;
};

/// Everything that needs no look into a file. Throws Error where open_image_folder() does.
DatasetCheck count_dataset(const DatasetSpec& spec, const std::filesystem::path& root);

struct FileCheckOptions {
  int threads = 0;                   // 0: one per core
  std::filesystem::path duplicates;  // a list of domain/class/file, one a line; empty: none
};

/// Decodes every image of `check.folder`, looks for images that are not read, and appends what it finds.
/// Throws Error for a list of duplicates that cannot be read.
void check_files(DatasetCheck& check, const FileCheckOptions& options, const Progress& progress = {});

/// Domains x (images, expected, difference), and classes x domains when there are few classes.
std::string count_tables(const DatasetCheck& check);

/// The findings by problem, with at most `most` paths of each; "" when there are none.
std::string findings_text(const DatasetCheck& check, std::size_t most);

/// One line without an end: what keeps the check from passing, "" when it passes.
std::string failure_summary(const DatasetCheck& check);

/// Everything, with all paths.
nlohmann::ordered_json to_json(const DatasetCheck& check);

}  // namespace dgsam
