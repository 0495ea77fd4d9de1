#include "tools/measure/eval.h"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <numeric>

#include "tools/measure/domain_result.h"
#include "tools/measure/eval_data.h"
#include "tools/terminal/progress.h"

namespace dgsam {

namespace {

void note_truncated(const ImageCache& cache) {
  const auto files = cache.truncated_files();
  if (files.empty()) return;
  std::fprintf(stderr, "note: %zu truncated images were decoded as far as they go; the first is %s\n", files.size(),
               files[0].c_str());
}

nlohmann::ordered_json mistakes_json(const DomainResult& result, const Domain& domain, const ImageFolder& folder) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Mistake& mistake : result.mistakes()) {
    const auto& path = domain.samples[static_cast<std::size_t>(mistake.image)].path;
    list.push_back({{"file", path.lexically_relative(folder.root).generic_string()},
                    {"truth", folder.classes[static_cast<std::size_t>(mistake.truth)]},
                    {"predicted", folder.classes[static_cast<std::size_t>(mistake.predicted)]},
                    {"confidence", mistake.confidence}});
  }
  return list;
}

}  // namespace

std::string eval_file(const std::string& checkpoint) {
  return std::filesystem::path(checkpoint).replace_extension(".eval.json").string();
}

Evaluation evaluate_checkpoint(const EvalOptions& options) {
  const Checkpoint checkpoint = read_checkpoint(options.checkpoint);
  const TrainConfig config = options.data.over(checkpoint.config);

  const EvalData evaluated = open_eval_data(checkpoint, options.data);
  const ImageFolder& folder = evaluated.folder;
  CheckpointNetwork network(checkpoint, options.place);
  const auto classes = static_cast<std::size_t>(network.classes());

  const ImageCache images(folder, 0, 0);  // each image is read once: nothing to keep
  ProgressBar progress("Evaluating", images.total_images());
  std::vector<DomainResult> results;
  for (int domain = 0; domain < static_cast<int>(folder.domains.size()); ++domain) {
    const auto at = static_cast<std::size_t>(domain);
    const Domain& data = folder.domains[at];
    DomainResult& result = results.emplace_back(data.name, evaluated.unseen[at], evaluated.splits[at],
                                                network.classes(), options.mistakes);
    std::vector<int> all(data.samples.size());
    std::iota(all.begin(), all.end(), 0);
    EvalReader reader(images, {domain, std::move(all)}, checkpoint.transform(), network.batch_size(),
                      thread_count(options.place.threads));
    for (HostBatch batch; reader.next(batch);) {
      std::span<const float> rows = network.logits(batch);
      for (const std::int32_t label : batch.labels) {
        result.add(rows.first(classes), label);
        rows = rows.subspan(classes);
      }
      progress.advance(batch.size());
    }
  }
  progress.finish();
  note_truncated(images);

  Evaluation evaluation{.text = results_text(results, folder.classes), .json = {}};
  evaluation.json = {{"checkpoint", checkpoint.path},
                     {"step", checkpoint.step},
                     {"revision", checkpoint.revision},
                     {"model", config.model},
                     {"algorithm", config.algorithm},
                     {"dataset", config.dataset},
                     {"root", folder.root.string()},
                     {"trial_seed", config.trial_seed},
                     {"holdout", config.holdout},
                     {"backend", network.backend_name()},
                     {"precision", word_of(options.place.precision.value_or(config.precision))},
                     {"truncated_images", images.truncated_files().size()},
                     {"classes", folder.classes},
                     {"domains", nlohmann::ordered_json::array()}};
  for (std::size_t domain = 0; domain < results.size(); ++domain) {
    nlohmann::ordered_json json = results[domain].json();
    if (options.mistakes > 0) json["mistakes"] = mistakes_json(results[domain], folder.domains[domain], folder);
    evaluation.json["domains"].push_back(std::move(json));
  }
  return evaluation;
}

}  // namespace dgsam
