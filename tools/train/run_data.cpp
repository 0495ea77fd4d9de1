#include "tools/train/run_data.h"

#include <algorithm>
#include <limits>

#include "engine/core/check.h"
#include "tools/train/file_list.h"
#include "tools/train/open_data.h"

namespace dgsam {

namespace {

TransformSpec transform_of(const TrainConfig& config) {
  TransformSpec transform;
  transform.image_size = config.image_size;
  transform.channels = config.channels;
  if (config.normalise == "none") {
    transform.mean = {0, 0, 0};
    transform.std = {1, 1, 1};
  }
  transform.augment = config.augment == "standard";
  return transform;
}

}  // namespace

RunData::RunData(const TrainConfig& config) : transform(transform_of(config)) {
  folder = open_data(config, true);
  files_md5 = digest_of(file_list(folder));
  test_env = find_test_env(folder, config.test_env);
  for (int domain = 0; domain < domains(); ++domain) {
    const Domain& here = folder.domains[static_cast<std::size_t>(domain)];
    splits.push_back(split_domain(here, config.holdout, config.trial_seed, domain));
    if (!is_source(domain)) continue;
    const bool trained_on = !splits.back().in.empty();
    require(trained_on || here.held_out.empty(), "domain ", name(domain), ": ", config.manifest,
            " holds all of its images out: none is left to train on");
    require(trained_on, "domain ", name(domain), " has ", here.samples.size(),
            " images, of which none is left to train on with --holdout ", config.holdout);
    sources.push_back(domain);
  }
  require(!sources.empty(), folder.root.string(),
          " has one domain only, and --test-env leaves it out: there is nothing to train on");
}

std::vector<std::string> RunData::names() const {
  std::vector<std::string> names;
  for (const Domain& domain : folder.domains) names.push_back(domain.name);
  return names;
}

std::vector<std::string> RunData::source_names() const {
  std::vector<std::string> names;
  for (const int domain : sources) names.push_back(name(domain));
  return names;
}

bool RunData::holds_out() const {
  return std::any_of(sources.begin(), sources.end(),
                     [&](int domain) { return !splits[static_cast<std::size_t>(domain)].out.empty(); });
}

const std::vector<int>& RunData::indices(const DomainSplit& split) const {
  const Split& both = splits[static_cast<std::size_t>(split.domain)];
  return split.in ? both.in : both.out;
}

std::vector<DomainIndices> RunData::training_parts() const {
  std::vector<DomainIndices> parts;
  for (const int domain : sources) parts.push_back({domain, indices({domain, true})});
  return parts;
}

std::size_t RunData::images_of_smallest_source() const {
  std::size_t smallest = std::numeric_limits<std::size_t>::max();
  for (const int domain : sources) smallest = std::min(smallest, indices({domain, true}).size());
  return smallest;
}

std::vector<DomainIndices> RunData::first_images(int count) const {
  std::vector<DomainIndices> parts;
  for (int domain = 0; domain < domains(); ++domain) {
    std::vector<int> first = indices({domain, true});
    first.resize(std::min(first.size(), static_cast<std::size_t>(count)));
    parts.push_back({domain, std::move(first)});
  }
  return parts;
}

std::vector<DomainSplit> RunData::evaluated_splits(EvalMode mode) const {
  std::vector<DomainSplit> evaluated;
  for (int domain = 0; domain < domains(); ++domain) {
    for (const DomainSplit split : {DomainSplit{domain, true}, DomainSplit{domain, false}}) {
      const bool skipped = split.in && is_source(domain) && mode == EvalMode::fast;
      if (!skipped && !indices(split).empty()) evaluated.push_back(split);
    }
  }
  return evaluated;
}

}  // namespace dgsam
