#include "tools/results/analysis_records.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/core/check.h"
#include "tools/results/json_fields.h"

namespace dgsam {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

const Json& object_in(const Json& value, const std::string& where) {
  require(value.is_object(), where, " holds ", value.dump().substr(0, 60), " in the place of an object");
  return value;
}

std::string role_of(const Json& loss, const std::string& where) {
  const std::string role = text_of(loss, "role", where);
  require(role == "source" || role == "unseen" || role == "total", where, ": \"role\" is \"", role,
          "\", not source, unseen or total");
  return role;
}

SharpnessRecord::Loss read_loss_sharpness(const Json& json, const std::string& where) {
  SharpnessRecord::Loss loss;
  loss.name = text_of(object_in(json, where), "name", where);
  const std::string here = where + ", loss \"" + loss.name + "\"";
  loss.role = role_of(json, here);
  for (const Json& entry : list_of(json, "worst_case", here, true)) {
    object_in(entry, here);
    require(entry.contains("radius") && entry["radius"].is_number(), here,
            ": an entry of \"worst_case\" has no radius");
    loss.worst_case.push_back(
        {entry["radius"].get<double>(), number_of(entry, "one_step", here), number_of(entry, "multi_step", here)});
  }
  for (const Json& entry : list_of(json, "eigenvalues", here, true)) {
    object_in(entry, here);
    loss.eigenvalues.push_back({number_of(entry, "value", here), number_of(entry, "residual", here)});
  }
  if (const auto trace = json.find("trace"); trace != json.end()) {
    loss.trace = number_of(object_in(*trace, here), "mean", here);
    loss.trace_error = number_of(*trace, "standard_error", here);
  }
  return loss;
}

SharpnessRecord read_sharpness(const Json& json, const std::string& where) {
  SharpnessRecord record;
  record.images = whole_number_of(json, "images", where, 0);
  if (const auto ascent = json.find("ascent"); ascent != json.end()) {
    record.ascent_steps = whole_number_of(object_in(*ascent, where), "steps", where, 0);
    record.restarts = whole_number_of(*ascent, "restarts", where, 0);
  }
  for (const Json& loss : list_of(json, "losses", where)) record.losses.push_back(read_loss_sharpness(loss, where));
  require(!record.losses.empty(), where, ": \"losses\" is empty");
  return record;
}

std::vector<double> read_axis(const Json& json, const char* name, const std::string& where) {
  std::vector<double> axis = numbers_of(list_of(json, name, where), where);
  const bool ascends =
      std::adjacent_find(axis.begin(), axis.end(), [](double a, double b) { return !(a < b); }) == axis.end();
  require(axis.size() >= 2 && ascends, where, ": \"", name, "\" is not a list of at least two ascending numbers");
  return axis;
}

LandscapeRecord read_landscape(const Json& json, const std::string& where) {
  LandscapeRecord record;
  const std::string kind = text_of(json, "kind", where);
  require(kind == "plane" || kind == "path", where, ": \"kind\" is \"", kind, "\", not plane or path");
  record.path = kind == "path";
  record.directions = json.contains("directions") ? text_of(json, "directions", where) : "";
  record.classes = whole_number_of(json, "classes", where, 0);
  record.x = read_axis(json, "x", where);
  if (!record.path) record.y = read_axis(json, "y", where);
  record.x_label = json.contains("x_label") ? text_of(json, "x_label", where) : "";
  record.y_label = json.contains("y_label") ? text_of(json, "y_label", where) : "";
  for (const Json& point : list_of(json, "points", where, true)) {
    record.points.push_back({text_of(object_in(point, where), "name", where), number_of(point, "x", where),
                             record.path ? 0 : number_of(point, "y", where)});
  }
  for (const Json& entry : list_of(json, "losses", where)) {
    LandscapeRecord::Loss loss{text_of(object_in(entry, where), "name", where), role_of(entry, where), {}};
    const std::string here = where + ", loss \"" + loss.name + "\"";
    const Json values = list_of(entry, "values", here);
    if (record.path) {
      loss.values.push_back(numbers_of(values, here));
    } else {
      for (const Json& row : values) loss.values.push_back(numbers_of(row, here));
    }
    const std::size_t rows = record.path ? 1 : record.y.size();
    const bool fits = loss.values.size() == rows &&
                      std::all_of(loss.values.begin(), loss.values.end(),
                                  [&](const std::vector<double>& row) { return row.size() == record.x.size(); });
    require(fits, here, ": \"values\" does not have ", record.x.size(), " numbers",
            record.path ? std::string() : " in each of " + std::to_string(rows) + " rows", ", as the axes have");
    record.losses.push_back(std::move(loss));
  }
  require(!record.losses.empty(), where, ": \"losses\" is empty");
  return record;
}

std::vector<std::vector<std::int64_t>> read_confusion(const Json& domain, std::size_t classes,
                                                      const std::string& where) {
  std::vector<std::vector<std::int64_t>> confusion;
  for (const Json& row : list_of(domain, "confusion", where, true)) {
    const bool whole = row.is_array() && row.size() == classes &&
                       std::all_of(row.begin(), row.end(), [](const Json& count) { return count.is_number_integer(); });
    require(whole, where, ": a row of \"confusion\" is not ", classes, " whole numbers, one per class");
    confusion.push_back(row.get<std::vector<std::int64_t>>());
  }
  require(confusion.empty() || confusion.size() == classes, where, ": \"confusion\" has ", confusion.size(),
          " rows, but there are ", classes, " classes");
  return confusion;
}

EvalRecord read_eval(const Json& json, const std::string& where) {
  EvalRecord record;
  record.classes = texts_of(json, "classes", where);
  for (const Json& entry : list_of(json, "domains", where)) {
    EvalRecord::DomainImages domain;
    domain.name = text_of(object_in(entry, where), "name", where);
    const std::string here = where + ", domain \"" + domain.name + "\"";
    domain.unseen = entry.value("unseen", Json()) == Json(true);
    domain.confusion = read_confusion(entry, record.classes.size(), here);
    for (const Json& mistake : list_of(entry, "mistakes", here, true)) {
      domain.mistakes.push_back({text_of(object_in(mistake, here), "file", here), text_of(mistake, "truth", here),
                                 text_of(mistake, "predicted", here), number_of(mistake, "confidence", here)});
    }
    record.domains.push_back(std::move(domain));
  }
  return record;
}

/// What `read` makes of a file, or nothing where there is none. Adds the file's command.
template <class Read>
auto read_if_there(const fs::path& path, const Read& read, std::vector<std::string>& commands)
    -> std::optional<decltype(read(Json(), ""))> {
  if (!fs::exists(path)) return {};
  const Json json = read_object(path);
  if (json.contains("command")) commands.push_back(text_of(json, "command", path.string()));
  return read(json, path.string());
}

}  // namespace

AnalysisRecords read_analysis(const fs::path& run, const std::string& stem) {
  std::vector<std::string> commands;
  return {read_if_there(run / (stem + ".sharpness.json"), read_sharpness, commands),
          read_if_there(run / (stem + ".landscape.json"), read_landscape, commands),
          read_if_there(run / (stem + ".eval.json"), read_eval, commands), commands};
}

}  // namespace dgsam
