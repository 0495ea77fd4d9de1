#include "tools/results/json_fields.h"

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "engine/core/check.h"
#include "tools/results/trial.h"

namespace dgsam {

using Json = nlohmann::ordered_json;

Json parse_object(const std::string& text, const std::string& where) {
  Json value = Json::parse(text, nullptr, false);
  require(value.is_object(), where, " is not a JSON object: ", text.empty() ? "it is empty" : text.substr(0, 60));
  return value;
}

Json read_object(const std::filesystem::path& path) {
  std::ifstream file(path);
  require(file.good(), path.string(), " cannot be read: a report needs finished runs of dgsam-run train");
  return parse_object({std::istreambuf_iterator<char>(file), {}}, path.string());
}

double number_of(const Json& object, const std::string& key, const std::string& where) {
  const auto place = object.find(key);
  if (place == object.end() || place->is_null()) return kMissing;
  require(place->is_number(), where, ": \"", key, "\" is ", place->dump(), ", not a number");
  return place->get<double>();
}

std::int64_t whole_number_of(const Json& object, const std::string& key, const std::string& where,
                             std::int64_t fallback) {
  const auto place = object.find(key);
  if (place == object.end()) return fallback;
  require(place->is_number_integer(), where, ": \"", key, "\" is ", place->dump(), ", not a whole number");
  return place->get<std::int64_t>();
}

std::string text_of(const Json& object, const std::string& key, const std::string& where) {
  const auto place = object.find(key);
  require(place != object.end() && place->is_string(), where, " has no text \"", key, "\"");
  return place->get<std::string>();
}

Json list_of(const Json& object, const std::string& key, const std::string& where, bool optional) {
  const auto place = object.find(key);
  if (optional && place == object.end()) return Json::array();
  require(place != object.end() && place->is_array(), where, " has no list \"", key, "\"");
  return *place;
}

std::vector<std::string> texts_of(const Json& object, const std::string& key, const std::string& where) {
  std::vector<std::string> texts;
  for (const Json& text : list_of(object, key, where)) {
    require(text.is_string(), where, ": \"", key, "\" holds ", text.dump(), ", not a text");
    texts.push_back(text.get<std::string>());
  }
  return texts;
}

std::vector<double> numbers_of(const Json& list, const std::string& where) {
  require(list.is_array(), where, " holds ", list.dump().substr(0, 60), " in the place of a list of numbers");
  std::vector<double> numbers;
  for (const Json& number : list) {
    require(number.is_number() || number.is_null(), where, " holds ", number.dump(), " in the place of a number");
    numbers.push_back(number.is_null() ? kMissing : number.get<double>());
  }
  return numbers;
}

}  // namespace dgsam
