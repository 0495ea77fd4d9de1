// The data sets that dgsam-run knows by name, what was published about them, and any other image folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "data/image_folder.h"

namespace dgsam {

/// What `train` uses where no flag says otherwise: the SWAD protocol's values.
struct TrainingDefaults {
  int steps = 5001;
  int eval_every = 200;
  int batch_size = 32;  ///< per source domain
  double lr = 5e-5;
  std::string model = "resnet50";
  int image_size = 224;
  bool augment = true;
  bool imagenet_normalisation = true;
  int channels = 3;
  double swad_tolerance = 0.3;
};

/// Length of a run, and how often it is evaluated.
struct Schedule {
  int steps = 5001;
  int eval_every = 300;
};

struct KnownDomain {
  std::string name{};                    ///< of its folder
  std::string label{};                   ///< in tables
  std::vector<std::string> spellings{};  ///< folder names that other tools give it
};

/// Numbers of images that were published. A data set may have been published more than once.
struct Vintage {
  std::string name{};                                     ///< completes "2,000 images, ..."
  std::vector<std::int64_t> images{};                     ///< per domain
  std::vector<std::vector<std::int64_t>> class_images{};  ///< [domain][class]; empty: not known
  std::string unfinished{};                               ///< what is still to be done to it; empty: ready for use

  std::int64_t total() const;
};

struct DatasetSpec {
  std::string name{};                      ///< as --dataset takes it
  std::string root{};                      ///< the folder's usual name; empty: --data-dir is the root itself
  std::string what{};                      ///< one line for help
  std::vector<std::string> other_roots{};  ///< names of the root as other tools, or the downloads, have them
  std::vector<KnownDomain> domains{};      ///< in index order, which is the byte order of their names; empty: any
  std::vector<std::string> classes{};      ///< in byte order; empty: any
  std::vector<Vintage> vintages{};         ///< the one that papers quote first
  TrainingDefaults training{};
  Schedule domainbed_2020{};  ///< of DomainBed's first release
};

/// "folder" (any image folder) first, then the five benchmarks, then the two made from MNIST.
const std::vector<DatasetSpec>& known_datasets();

/// Throws Error that lists the known names.
const DatasetSpec& find_dataset(std::string_view name);

/// `data_dir` may be the data set's root or the folder that holds it. Throws Error that says what was looked for where
/// and what is there, when neither holds a domain of the data set.
std::filesystem::path dataset_root(const DatasetSpec& spec, const std::filesystem::path& data_dir);

/// Throws Error, naming the first difference and its likely cause, unless the domains and classes of `folder` are those
/// of `spec`, so that every index means what it means in papers. Returns describe_counts().
std::string verify_known(const ImageFolder& folder, const DatasetSpec& spec);

/// The vintage whose numbers of images per domain `folder` has; null when there is none.
const Vintage* matching_vintage(const ImageFolder& folder, const DatasetSpec& spec);

/// The vintage that differs from `folder` by the fewest images; null when `spec` has none or other domains.
const Vintage* closest_vintage(const ImageFolder& folder, const DatasetSpec& spec);

/// One line: the number of images, and which vintage it is or by how much each domain differs from the closest one.
std::string describe_counts(const ImageFolder& folder, const DatasetSpec& spec);

/// 12345 as "12,345".
std::string grouped_digits(std::int64_t number);

}  // namespace dgsam
