// The data sets that dgsam-run knows by name, and any other image folder.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace dgsam {

struct DatasetSpec {
  std::string name;  ///< as --dataset takes it
  std::string root;  ///< the folder's usual name; empty: --data-dir is the root itself
  int steps = 5001;
  int eval_every = 200;
  std::string what;  ///< one line for help
};

/// "folder" first, then the five benchmarks with the SWAD protocol's defaults.
const std::vector<DatasetSpec>& known_datasets();

/// Throws Error that lists the known names.
const DatasetSpec& find_dataset(const std::string& name);

/// `data_dir` may be the data set's root or the folder that holds it. Throws Error when it is neither.
std::filesystem::path dataset_root(const DatasetSpec& spec, const std::filesystem::path& data_dir);

}  // namespace dgsam
