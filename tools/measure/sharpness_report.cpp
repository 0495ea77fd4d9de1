#include "tools/measure/sharpness_report.h"

#include <fstream>

namespace dgsam {

namespace {

using nlohmann::ordered_json;

ordered_json loss_json(const LossSharpness& loss, int trace_samples) {
  ordered_json json{{"name", loss.name}, {"role", loss.role}, {"images", loss.images}, {"loss", loss.worst_case.loss}};
  json["worst_case"] = ordered_json::array();
  for (const LossIncrease& increase : loss.worst_case.increases) {
    json["worst_case"].push_back(
        {{"radius", increase.radius}, {"one_step", increase.one_step}, {"multi_step", increase.multi_step}});
  }
  json["eigenvalues"] = ordered_json::array();
  for (const Eigenvalue& eigenvalue : loss.eigenvalues) {
    json["eigenvalues"].push_back(
        {{"value", eigenvalue.value}, {"residual", eigenvalue.residual}, {"error", eigenvalue.error}});
  }
  if (loss.trace) {
    json["trace"] = {
        {"mean", loss.trace->mean}, {"standard_error", loss.trace->standard_error}, {"samples", trace_samples}};
  }
  return json;
}

/// The inverse. Throws what nlohmann::json does for a field that is missing or of another type.
LossSharpness loss_of(const ordered_json& json) {
  LossSharpness loss;
  loss.name = json.at("name");
  loss.role = json.at("role");
  loss.images = json.at("images");
  loss.worst_case.loss = json.at("loss");
  for (const ordered_json& increase : json.at("worst_case")) {
    loss.worst_case.increases.push_back({increase.at("radius"), increase.at("one_step"), increase.at("multi_step")});
  }
  for (const ordered_json& eigenvalue : json.at("eigenvalues")) {
    loss.eigenvalues.push_back({eigenvalue.at("value"), eigenvalue.at("residual"), eigenvalue.at("error")});
  }
  if (json.contains("trace")) {
    loss.trace = Trace{.mean = json["trace"].at("mean"), .standard_error = json["trace"].at("standard_error")};
  }
  return loss;
}

}  // namespace

ordered_json SharpnessReport::json() const {
  ordered_json json = about;
  json["losses"] = ordered_json::array();
  for (const LossSharpness& loss : losses) json["losses"].push_back(loss_json(loss, about.at("trace_samples")));
  return json;
}

std::optional<SharpnessReport> read_sharpness(const std::string& path, const ordered_json& about) {
  std::ifstream file(path);
  const ordered_json found = ordered_json::parse(file, nullptr, false);
  if (!found.is_object() || !found.contains("losses")) return std::nullopt;
  ordered_json settings = found;
  settings.erase("losses");
  settings.erase("command");
  settings["checkpoint"] = about.at("checkpoint");
  if (nlohmann::json(settings) != nlohmann::json(about)) return std::nullopt;  // in any order of keys
  SharpnessReport report{about, {}};
  try {
    for (const ordered_json& loss : found["losses"]) report.losses.push_back(loss_of(loss));
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
  return report;
}

}  // namespace dgsam
