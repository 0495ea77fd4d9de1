#include "tools/train/run_progress.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/core/check.h"

namespace dgsam {

namespace {

nlohmann::ordered_json json_of(const std::optional<double>& value) {
  return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json();
}

std::optional<double> optional_of(const nlohmann::ordered_json& value) {
  return value.is_null() ? std::nullopt : std::optional(value.get<double>());
}

std::optional<NamedAccuracies> accuracies_of(const nlohmann::ordered_json& json) {
  if (json.is_null()) return std::nullopt;
  NamedAccuracies accuracies;
  for (const auto& [split, accuracy] : json.get_ref<const nlohmann::ordered_json::object_t&>()) {
    accuracies.emplace_back(split, accuracy.get<double>());
  }
  return accuracies;
}

NamedSelections selections_of(const nlohmann::ordered_json& json) {
  NamedSelections selections;
  if (json.is_null()) return selections;
  for (const auto& [method, selection] : json.get_ref<const nlohmann::ordered_json::object_t&>()) {
    const Selection read{selection.at("step").get<std::int64_t>(), optional_of(selection.at("accuracy"))};
    selections.emplace_back(method, read);
  }
  return selections;
}

nlohmann::ordered_json json_of(const SwadState& swad) {
  auto kept = nlohmann::ordered_json::array();
  for (const SwadState::Segment& segment : swad.kept)
    kept.push_back({segment.first_step, segment.last_step, segment.loss});
  return {{"segment_steps", swad.segment_steps},
          {"ended", swad.ended},
          {"kept", kept},
          {"converged_step", swad.converged_step},
          {"threshold", json_of(swad.threshold)},
          {"dead", swad.dead},
          {"averaged", swad.averaged},
          {"first_step", swad.first_step},
          {"last_step", swad.last_step}};
}

SwadState swad_of(const nlohmann::ordered_json& json) {
  SwadState swad;
  json.at("segment_steps").get_to(swad.segment_steps);
  json.at("ended").get_to(swad.ended);
  for (const auto& segment : json.at("kept"))
    swad.kept.push_back(
        {segment.at(0).get<std::int64_t>(), segment.at(1).get<std::int64_t>(), segment.at(2).get<double>()});
  json.at("converged_step").get_to(swad.converged_step);
  swad.threshold = optional_of(json.at("threshold"));
  json.at("dead").get_to(swad.dead);
  json.at("averaged").get_to(swad.averaged);
  json.at("first_step").get_to(swad.first_step);
  json.at("last_step").get_to(swad.last_step);
  require(std::ssize(swad.kept) <= std::min<std::int64_t>(swad.ended, Swad::kTolerance), "a saved state keeps ",
          swad.kept.size(), " of SWAD's segments, and ", swad.ended, " have ended");
  return swad;
}

}  // namespace

nlohmann::ordered_json json_of(const std::optional<NamedAccuracies>& accuracies) {
  if (!accuracies) return {};
  auto json = nlohmann::ordered_json::object();
  for (const auto& [split, accuracy] : *accuracies) json[split] = accuracy;
  return json;
}

nlohmann::ordered_json json_of(const NamedSelections& selections) {
  nlohmann::ordered_json json;
  for (const auto& [method, selection] : selections) {
    json[method] = {{"step", selection.step}, {"accuracy", json_of(selection.accuracy)}};
  }
  return json;
}

void RunProgress::add_step(double loss, double seconds) {
  loss_sum += loss;
  step_seconds += seconds;
  training_seconds += seconds;
  ++steps_since;
}

void RunProgress::begin_interval() {
  loss_sum = step_seconds = 0;
  steps_since = 0;
  evaluation_due = false;
}

void RunProgress::select(const std::string& method, const Selection& choice) {
  const auto found =
      std::find_if(selection.begin(), selection.end(), [&](const auto& one) { return one.first == method; });
  if (found == selection.end()) {
    selection.emplace_back(method, choice);
  } else {
    found->second = choice;
  }
}

std::string RunProgress::to_text() const {
  return nlohmann::ordered_json{{"steps", steps},
                                {"evaluation_due", evaluation_due},
                                {"updates", updates},
                                {"loss_sum", loss_sum},
                                {"step_seconds", step_seconds},
                                {"steps_since", steps_since},
                                {"training_seconds", training_seconds},
                                {"evaluated_step", evaluated_step},
                                {"accuracy", json_of(accuracy)},
                                {"selection", json_of(selection)},
                                {"best_validation", json_of(best_validation)},
                                {"best_oracle", json_of(best_oracle)},
                                {"swad", json_of(swad)},
                                {"metrics_bytes", lengths.metrics},
                                {"timing_bytes", lengths.timing},
                                {"results_bytes", lengths.results}}
      .dump();
}

RunProgress RunProgress::from_text(const std::string& text) try {
  const auto json = nlohmann::ordered_json::parse(text);
  RunProgress progress;
  json.at("steps").get_to(progress.steps);
  json.at("evaluation_due").get_to(progress.evaluation_due);
  json.at("updates").get_to(progress.updates);
  json.at("loss_sum").get_to(progress.loss_sum);
  json.at("step_seconds").get_to(progress.step_seconds);
  json.at("steps_since").get_to(progress.steps_since);
  json.at("training_seconds").get_to(progress.training_seconds);
  json.at("evaluated_step").get_to(progress.evaluated_step);
  progress.accuracy = accuracies_of(json.at("accuracy"));
  progress.selection = selections_of(json.at("selection"));
  progress.best_validation = optional_of(json.at("best_validation"));
  progress.best_oracle = optional_of(json.at("best_oracle"));
  progress.swad = swad_of(json.at("swad"));
  json.at("metrics_bytes").get_to(progress.lengths.metrics);
  json.at("timing_bytes").get_to(progress.lengths.timing);
  json.at("results_bytes").get_to(progress.lengths.results);
  require(progress.steps >= 0 && progress.updates >= 0, "a saved state has done ", progress.steps, " steps");
  return progress;
} catch (const nlohmann::json::exception& error) {
  fail("a saved state cannot be understood: ", error.what());
}

}  // namespace dgsam
