#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "engine/core/check.h"
#include "tools/lab/landscape/landscape.h"

namespace dgsam {

namespace {

using nlohmann::ordered_json;

/// One row; null stands for a loss that is no number or infinite.
std::vector<double> row_of(const ordered_json& json) {
  std::vector<double> row;
  for (const ordered_json& value : json)
    row.push_back(value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>());
  return row;
}

bool ascending(const std::vector<double>& axis) {
  for (std::size_t i = 1; i < axis.size(); ++i) {
    if (!(axis[i - 1] < axis[i])) return false;
  }
  return axis.size() >= 2;
}

Landscape parsed(const ordered_json& json) {
  Landscape landscape{.plane = json.at("kind") == "plane",
                      .random = json.at("directions") == "random",
                      .x = json.at("x").get<std::vector<double>>(),
                      .y = {0},
                      .x_label = json.at("x_label").get<std::string>(),
                      .classes = json.at("classes").get<int>(),
                      .precision = json.at("precision").get<std::string>()};
  if (landscape.random) landscape.seed = json.at("seed").get<std::uint64_t>();
  if (landscape.plane) {
    landscape.y = json.at("y").get<std::vector<double>>();
    landscape.y_label = json.at("y_label").get<std::string>();
    require(ascending(landscape.y), "y is not ascending");
  }
  require(ascending(landscape.x), "x is not ascending");
  for (const ordered_json& point : json.at("points")) {
    landscape.points.push_back({point.at("name").get<std::string>(), point.at("checkpoint").get<std::string>(),
                                point.at("algorithm").get<std::string>(), point.at("step").get<std::int64_t>(),
                                point.at("x").get<double>(), point.at("y").get<double>(), row_of(point.at("losses"))});
  }
  for (const ordered_json& loss : json.at("losses")) {
    Landscape::LossValues& values = landscape.losses.emplace_back();
    values.name = loss.at("name").get<std::string>();
    values.role = loss.at("role").get<std::string>();
    values.images = loss.at("images").get<std::int64_t>();
    if (landscape.plane) {
      for (const ordered_json& row : loss.at("values")) values.values.push_back(row_of(row));
    } else {
      values.values.push_back(row_of(loss.at("values")));
    }
    require(values.values.size() == landscape.y.size(), "the loss ", values.name, " has not one row per y");
    for (const std::vector<double>& row : values.values)
      require(row.size() == landscape.x.size(), "the loss ", values.name, " has not one value per x");
  }
  require(!landscape.points.empty() && !landscape.losses.empty(), "it has no point or no loss");
  for (const Landscape::Point& point : landscape.points) {
    require(point.losses.size() == landscape.losses.size(), "the point ", point.name, " has not one value per loss");
  }
  return landscape;
}

}  // namespace

nlohmann::ordered_json Landscape::json() const {
  nlohmann::ordered_json json{{"checkpoint", points[0].checkpoint},
                              {"algorithm", points[0].algorithm},
                              {"step", points[0].step},
                              {"kind", plane ? "plane" : "path"},
                              {"directions", random ? "random" : "checkpoints"}};
  if (random) json["seed"] = seed;
  json["classes"] = classes;
  json["precision"] = precision;
  json["x"] = x;
  if (plane) json["y"] = y;
  json["x_label"] = x_label;
  if (plane) json["y_label"] = y_label;
  json["points"] = nlohmann::ordered_json::array();
  for (const Point& point : points) {
    json["points"].push_back({{"name", point.name},
                              {"checkpoint", point.checkpoint},
                              {"algorithm", point.algorithm},
                              {"step", point.step},
                              {"x", point.x},
                              {"y", point.y},
                              {"losses", point.losses}});
  }
  json["losses"] = nlohmann::ordered_json::array();
  for (const LossValues& loss : losses) {
    nlohmann::ordered_json entry{{"name", loss.name}, {"role", loss.role}, {"images", loss.images}};
    if (plane) {
      entry["values"] = loss.values;
    } else {
      entry["values"] = loss.values[0];
    }
    json["losses"].push_back(std::move(entry));
  }
  return json;
}

Landscape read_landscape(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  require(file.is_open(), path, " cannot be read: does it exist?");
  const ordered_json json = ordered_json::parse(file, nullptr, false);
  require(json.is_object(), path, " is not a JSON object");
  try {
    return parsed(json);
  } catch (const std::exception& error) {
    fail(path, " is not a landscape that dgsam-run landscape wrote: ", error.what());
  }
}

}  // namespace dgsam
