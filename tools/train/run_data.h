// What a run learns from and is judged by: the domains, their splits, and how an image becomes an input.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/splits.h"
#include "tools/train/evaluation.h"
#include "tools/train/train_config.h"

namespace dgsam {

/// One of the two splits of a domain: `in`, which a source is trained on, or `out`, which is held out.
struct DomainSplit {
  int domain = 0;
  bool in = false;

  bool operator==(const DomainSplit&) const = default;
  /// As DomainBed spells it: "env0_in".
  std::string key() const { return "env" + std::to_string(domain) + (in ? "_in" : "_out"); }
};

struct RunData {
  /// Opens the data set, says on standard error what is odd about it, and splits its domains. Throws Error when there
  /// is nothing to train on.
  explicit RunData(const TrainConfig& config);

  ImageFolder folder;
  std::string files_md5;  ///< digest_of() their file_list()
  int test_env = kNoTestEnv;
  std::vector<int> sources;   ///< domains trained on; position in this list is what optim/ calls a domain
  std::vector<Split> splits;  ///< of each domain
  TransformSpec transform;

  int domains() const { return static_cast<int>(folder.domains.size()); }
  int source_count() const { return static_cast<int>(sources.size()); }
  int classes() const { return static_cast<int>(folder.classes.size()); }
  const std::string& name(int domain) const { return folder.domains[static_cast<std::size_t>(domain)].name; }
  std::vector<std::string> names() const;
  std::vector<std::string> source_names() const;
  /// Whether training-domain validation has an image to go by.
  bool holds_out() const;
  bool is_source(int domain) const { return domain != test_env; }

  const std::vector<int>& indices(const DomainSplit& split) const;
  /// What the sources are trained on, in their order.
  std::vector<DomainIndices> training_parts() const;
  /// Images in the smallest of these: DomainBed's epoch is one pass over it.
  std::size_t images_of_smallest_source() const;
  /// The first images of each domain's `in` split, at most so many.
  std::vector<DomainIndices> first_images(int count) const;
  /// The splits that an evaluation looks at, in order; empty ones are left out.
  std::vector<DomainSplit> evaluated_splits(EvalMode mode) const;
};

}  // namespace dgsam
