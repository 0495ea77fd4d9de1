#include "tools/measure/domain_result.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>
#include <utility>
#include <nlohmann/json.hpp>

#include "tools/terminal/text_columns.h"

namespace dgsam {

namespace {

constexpr std::size_t kClassRows = 20;      // more classes: the worst of them
constexpr std::size_t kMatrixClasses = 12;  // more do not fit a terminal

std::string decimals(double value, int places) {
  if (std::isnan(value)) return "-";
  char text[32];
  std::snprintf(text, sizeof text, "%.*f", places, value);
  return text;
}

std::string accuracy_text(const Score& score) { return score.images > 0 ? decimals(score.accuracy, 3) : "-"; }

nlohmann::ordered_json score_json(const Score& score) {
  if (score.images == 0) return nullptr;
  return {{"images", score.images}, {"accuracy", score.accuracy}, {"loss", score.loss}};
}

std::string domain_table(const std::vector<DomainResult>& results) {
  std::vector<std::vector<std::string>> rows;
  rows.push_back({"domain", "images", "accuracy", "in", "out", "loss"});
  for (const DomainResult& result : results) {
    const Score all = result.all();
    rows.push_back({result.name() + (result.unseen() ? " (unseen)" : ""), std::to_string(all.images),
                    accuracy_text(all), accuracy_text(result.in()), accuracy_text(result.out()),
                    decimals(all.loss, 4)});
  }
  return text_columns(rows);
}

/// All classes, or those with the lowest mean accuracy, the lowest first.
std::vector<int> classes_to_show(const std::vector<DomainResult>& results, std::size_t classes) {
  std::vector<int> labels(classes);
  std::iota(labels.begin(), labels.end(), 0);
  if (classes <= kClassRows) return labels;
  std::vector<double> mean(classes);
  for (std::size_t k = 0; k < classes; ++k) {
    for (const DomainResult& result : results) {
      const double accuracy = result.class_accuracy(static_cast<int>(k));
      mean[k] += std::isnan(accuracy) ? 1 : accuracy;
    }
  }
  std::stable_sort(labels.begin(), labels.end(),
                   [&](int a, int b) { return mean[static_cast<std::size_t>(a)] < mean[static_cast<std::size_t>(b)]; });
  labels.resize(kClassRows);
  return labels;
}

std::string class_table(const std::vector<DomainResult>& results, const std::vector<std::string>& classes) {
  std::vector<std::vector<std::string>> rows;
  std::vector<std::string> header{classes.size() > kClassRows ? "worst classes" : "class"};
  for (const DomainResult& result : results) header.push_back(result.name());
  rows.push_back(std::move(header));
  for (const int label : classes_to_show(results, classes.size())) {
    std::vector<std::string> row{classes[static_cast<std::size_t>(label)]};
    for (const DomainResult& result : results) row.push_back(decimals(result.class_accuracy(label), 3));
    rows.push_back(std::move(row));
  }
  return text_columns(rows);
}

std::string confusion_table(const DomainResult& result, const std::vector<std::string>& classes) {
  std::vector<std::vector<std::string>> rows;
  std::vector<std::string> header{result.name() + ", taken for"};
  header.insert(header.end(), classes.begin(), classes.end());
  rows.push_back(std::move(header));
  for (std::size_t label = 0; label < classes.size(); ++label) {
    std::vector<std::string> row{classes[label]};
    for (std::size_t predicted = 0; predicted < classes.size(); ++predicted)
      row.push_back(std::to_string(result.confusion(static_cast<int>(label), static_cast<int>(predicted))));
    rows.push_back(std::move(row));
  }
  return text_columns(rows);
}

}  // namespace

DomainResult::DomainResult(std::string name, bool unseen, const Split& split, int classes, int mistakes)
    : name_(std::move(name)),
      unseen_(unseen),
      classes_(classes),
      is_out_(split.in.size() + split.out.size()),
      confusion_(static_cast<std::size_t>(classes) * static_cast<std::size_t>(classes)),
      most_mistakes_(static_cast<std::size_t>(mistakes)) {
  for (const int index : split.out) is_out_.at(static_cast<std::size_t>(index)) = true;
}

void DomainResult::add(std::span<const float> logits, int label) {
  (is_out_.at(static_cast<std::size_t>(all_.images())) ? out_ : in_).add(logits, label);
  const int predicted = predicted_class(logits);
  if (predicted != label) keep({all_.images(), label, predicted, std::exp(-cross_entropy(logits, predicted))});
  all_.add(logits, label);
  ++confusion_[static_cast<std::size_t>(label) * static_cast<std::size_t>(classes_) +
               static_cast<std::size_t>(predicted)];
}

void DomainResult::keep(const Mistake& mistake) {
  const auto place = std::find_if(mistakes_.begin(), mistakes_.end(),
                                  [&](const Mistake& other) { return other.confidence < mistake.confidence; });
  mistakes_.insert(place, mistake);
  if (mistakes_.size() > most_mistakes_) mistakes_.pop_back();
}

std::int64_t DomainResult::images_of(int label) const {
  const auto row = confusion_.begin() + static_cast<std::ptrdiff_t>(label) * classes_;
  return std::accumulate(row, row + classes_, std::int64_t{0});
}

double DomainResult::class_accuracy(int label) const {
  const std::int64_t images = images_of(label);
  if (images == 0) return std::numeric_limits<double>::quiet_NaN();
  return static_cast<double>(confusion(label, label)) / static_cast<double>(images);
}

nlohmann::ordered_json DomainResult::json() const {
  nlohmann::ordered_json json{{"name", name_}, {"unseen", unseen_}};
  json["all"] = score_json(all());
  json["in"] = score_json(in());
  json["out"] = score_json(out());
  json["class_images"] = nlohmann::ordered_json::array();
  json["class_accuracy"] = nlohmann::ordered_json::array();
  json["confusion"] = nlohmann::ordered_json::array();
  for (int label = 0; label < classes_; ++label) {
    json["class_images"].push_back(images_of(label));
    json["class_accuracy"].push_back(class_accuracy(label));  // NaN is written as null
    const auto row = confusion_.begin() + static_cast<std::ptrdiff_t>(label) * classes_;
    json["confusion"].push_back(std::vector<std::int64_t>(row, row + classes_));
  }
  return json;
}

std::string results_text(const std::vector<DomainResult>& results, const std::vector<std::string>& classes) {
  std::string text = domain_table(results) + "\n" + class_table(results, classes);
  if (classes.size() > kMatrixClasses) return text;
  for (const DomainResult& result : results) {
    if (result.unseen()) text += "\n" + confusion_table(result, classes);
  }
  return text;
}

}  // namespace dgsam
