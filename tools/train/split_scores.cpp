#include "tools/train/split_scores.h"

#include <algorithm>

#include "tools/terminal/progress.h"

namespace dgsam {

std::vector<SplitScore> evaluate_splits(const RunSetup& setup, const FlatVector& theta, const FlatVector& statistics,
                                        std::int64_t step, const std::function<void()>& check) {
  const RunData& data = setup.data;
  const std::vector<DomainSplit> splits = data.evaluated_splits(setup.config.eval_mode);
  std::size_t images = 0;
  for (const DomainSplit& split : splits) images += data.indices(split).size();
  ProgressBar progress("Evaluating", std::max<std::int64_t>(1, static_cast<std::int64_t>(images)));
  const auto done = [&](int batch) {
    progress.advance(batch);
    check();
  };
  std::vector<SplitScore> scores;
  for (const DomainSplit& split : splits) {
    EvalAugmentation augmentation{.seed = std::nullopt, .draw = step};
    const bool augments = data.is_source(split.domain) && setup.config.val_augment && data.transform.augment;
    if (augments) augmentation.seed = setup.config.seed;
    scores.push_back({split, setup.evaluator->evaluate(*setup.images, {split.domain, data.indices(split)}, theta,
                                                       statistics, done, augmentation)});
  }
  progress.pause();
  return scores;
}

std::optional<double> accuracy_of(const std::vector<SplitScore>& scores, const DomainSplit& split) {
  for (const SplitScore& one : scores) {
    if (one.split == split) return one.score.accuracy;
  }
  return std::nullopt;
}

std::optional<Validation> validation_of(const std::vector<SplitScore>& scores, const RunData& data) {
  Validation sum;
  int count = 0;
  for (const SplitScore& one : scores) {
    if (one.split.in || !data.is_source(one.split.domain)) continue;
    sum.accuracy += one.score.accuracy;
    sum.loss += one.score.loss;
    ++count;
  }
  if (count == 0) return std::nullopt;
  return Validation{sum.accuracy / count, sum.loss / count};
}

}  // namespace dgsam
