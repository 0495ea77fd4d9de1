// Reading JSON that a run left behind: every error names the file, the key and the value.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace dgsam {

/// The object that `text` holds; `where` names it in errors.
nlohmann::ordered_json parse_object(const std::string& text, const std::string& where);
/// Throws Error for a file that cannot be read, or holds something else.
nlohmann::ordered_json read_object(const std::filesystem::path& path);

/// A number; kMissing for null and for a key that is absent.
double number_of(const nlohmann::ordered_json& object, const std::string& key, const std::string& where);
/// A whole number; `fallback` for a key that is absent.
std::int64_t whole_number_of(const nlohmann::ordered_json& object, const std::string& key, const std::string& where,
                             std::int64_t fallback);
/// A text that must be there.
std::string text_of(const nlohmann::ordered_json& object, const std::string& key, const std::string& where);
/// An array that must be there; an empty one where it is absent if `optional`.
nlohmann::ordered_json list_of(const nlohmann::ordered_json& object, const std::string& key, const std::string& where,
                               bool optional = false);
/// An array of texts that must be there.
std::vector<std::string> texts_of(const nlohmann::ordered_json& object, const std::string& key,
                                  const std::string& where);
/// The numbers of an array; null becomes kMissing.
std::vector<double> numbers_of(const nlohmann::ordered_json& list, const std::string& where);

}  // namespace dgsam
