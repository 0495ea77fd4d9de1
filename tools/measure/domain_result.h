// What a network made of every image of a data set, domain by domain: as JSON and as tables for a terminal.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "data/splits.h"
#include "tools/train/evaluation.h"

namespace dgsam {

/// An image that was taken for another class.
struct Mistake {
  std::int64_t image = 0;
  int truth = 0, predicted = 0;
  double confidence = 0;  ///< probability that the network gave the predicted class
};

class DomainResult {
 public:
  /// Of a domain whose images 0, 1, ... are split as `split` says. The `mistakes` wrong answers that the network was
  /// surest of are kept.
  DomainResult(std::string name, bool unseen, const Split& split, int classes, int mistakes = 0);

  /// The result of the next image.
  void add(std::span<const float> logits, int label);

  const std::string& name() const { return name_; }
  bool unseen() const { return unseen_; }
  Score all() const { return all_.score(); }
  Score in() const { return in_.score(); }
  Score out() const { return out_.score(); }
  /// Images of class `label` that were taken for class `predicted`.
  std::int64_t confusion(int label, int predicted) const {
    return confusion_[static_cast<std::size_t>(label) * static_cast<std::size_t>(classes_) +
                      static_cast<std::size_t>(predicted)];
  }
  std::int64_t images_of(int label) const;
  /// Of the images of class `label`; NaN when there is none.
  double class_accuracy(int label) const;

  /// The surest first, the first image on ties.
  const std::vector<Mistake>& mistakes() const { return mistakes_; }

  /// Scores of a split without images and accuracies of a class without images are null.
  nlohmann::ordered_json json() const;

 private:
  std::string name_;
  bool unseen_;
  int classes_;
  std::vector<bool> is_out_;
  ScoreSum all_, in_, out_;
  std::vector<std::int64_t> confusion_;
  std::size_t most_mistakes_;
  std::vector<Mistake> mistakes_;

  void keep(const Mistake& mistake);
};

/// Tables: a row per domain; a row per class, or of the classes recognised worst when there are many; and where there
/// are few classes the confusion matrix of the unseen domain.
std::string results_text(const std::vector<DomainResult>& results, const std::vector<std::string>& classes);

}  // namespace dgsam
