// The settings of a training run: one table (settings.cpp), from which the flags of `dgsam-run train` and their help,
// config.json, the checks of values and the rules of --resume come.
#pragma once

#include <functional>
#include <limits>
#include <span>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "tools/train/train_config.h"

namespace dgsam {

/// An enum among the fields, seen as one of its words.
class WordChoice {
 public:
  template <class E>
  requires std::is_enum_v<E>
  explicit WordChoice(E& value)
      : value_(&value),
        words_(Words<E>::kWords),
        word_([](const void* at) { return word_of(*static_cast<const E*>(at)); }),
        set_([](void* at, const std::string& word) {
          const std::optional<E> found = value_of<E>(word);
          if (found) *static_cast<E*>(at) = *found;
          return found.has_value();
        }) {}

  std::span<const char* const> words() const { return words_; }
  std::string word() const { return word_(value_); }
  /// False, and nothing is changed, for a word that is none of words().
  bool set(const std::string& word) { return set_(value_, word); }

 private:
  void* value_;
  std::span<const char* const> words_;
  std::string (*word_)(const void*);
  bool (*set_)(void*, const std::string&);
};

/// Where a setting's value is, in one TrainConfig.
using SettingValue = std::variant<bool*, int*, std::int64_t*, std::uint64_t*, double*, std::string*, WordChoice>;

/// Which field of a TrainConfig a setting is.
class SettingField {
 public:
  template <class T>
  SettingField(T TrainConfig::*member)  // NOLINT(google-explicit-constructor): rows of the table name members
      : in_([member](TrainConfig& config) { return value_at(config.*member); }),
        copy_([member](const TrainConfig& from, TrainConfig& to) { to.*member = from.*member; }) {}
  template <class T>
  SettingField(T OptimizerOptions::*member)  // NOLINT(google-explicit-constructor)
      : in_([member](TrainConfig& config) { return value_at(config.optimizer.*member); }),
        copy_([member](const TrainConfig& from, TrainConfig& to) { to.optimizer.*member = from.optimizer.*member; }) {}

  SettingValue in(TrainConfig& config) const { return in_(config); }
  void copy(const TrainConfig& from, TrainConfig& to) const { copy_(from, to); }

 private:
  template <class T>
  static SettingValue value_at(T& field) {
    if constexpr (std::is_enum_v<T>) {
      return WordChoice(field);
    } else {
      return &field;
    }
  }

  std::function<SettingValue(TrainConfig&)> in_;
  std::function<void(const TrainConfig&, TrainConfig&)> copy_;
};

/// The numbers that a setting may be.
struct Range {
  double least = -std::numeric_limits<double>::infinity();
  double most = std::numeric_limits<double>::infinity();
  std::string rule = {};  ///< what an error says after the flag and its value

  bool contains(double value) const { return value >= least && value <= most; }
};

/// What --resume does with a setting.
enum class OnResume : std::uint8_t {
  keep,    ///< stays what config.json says; a flag that is given must agree
  change,  ///< is what config.json says unless the flag is given: it cannot change the result but by rounding
  ask,     ///< is not of the run but of this start of the program: what the flag says
};

/// What a setting may be, and what may be done with it, where that is not "anything".
struct SettingRules {
  std::vector<std::string> words = {};  ///< the only ones that a text may be; empty: any
  Range range = {};
  OnResume on_resume = OnResume::keep;
  bool path = false;          ///< a file or folder: made absolute when it is given
  bool bare = false;          ///< a bool whose flag takes no value, where others take on or off
  bool required = false;      ///< the flag must be given
  std::string excludes = {};  ///< a setting before this one in the table whose flag must not stand beside this one's
};

struct Setting {
  std::string name;  ///< in config.json, where it stands there; the flag has - for _
  SettingField field;
  std::string help;
  SettingRules rules = {};

  std::string flag() const { return flag_of(name); }
};

/// A heading in the help, and what stands below it.
struct SettingGroup {
  std::string name;
  std::vector<Setting> settings;
};

/// The table.
const std::vector<SettingGroup>& setting_groups();
/// Null where there is none of that name.
const Setting* find_setting(const std::string& name);
/// The settings that config.json records, in its order.
const std::vector<const Setting*>& recorded_settings();
/// Throws Error that names the flag, its value and the rule unless every number lies in its setting's range.
void check_ranges(const TrainConfig& config);

}  // namespace dgsam
