// The settings that take one of a few values, and the words for these in flags and in JSON.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/loader.h"
#include "engine/backend.h"
#include "optim/dgsam_ablations.h"

namespace dgsam {

/// Whose defaults a run has.
enum class Protocol : std::uint8_t { swad, domainbed_2020 };
/// Of DGSAM's ascent over the domains.
enum class OrderOfDomains : std::uint8_t { random, fixed };
/// Which splits an evaluation looks at: all but the sources' training splits, or every one.
enum class EvalMode : std::uint8_t { fast, all };
/// Of the weights of a run: none, or the mean of those after every step from some step on.
enum class WeightAveraging : std::uint8_t { none, moving };
/// Which evaluation test-domain validation takes.
enum class Oracle : std::uint8_t { best, last };
/// tf32 is a way to compute with f32 tensors.
enum class Precision : std::uint8_t { f32, tf32, bf16, f64 };
/// How a GPU's libraries' algorithms are chosen.
enum class ConvChoice : std::uint8_t { measured, heuristic };

/// kWords: the words for an enum's values, in the order of its enumerators.
template <class E>
struct Words;

template <>
struct Words<Protocol> {
  static constexpr std::array kWords{"swad", "domainbed-2020"};
};
template <>
struct Words<Sampling> {
  static constexpr std::array kWords{"random", "sequential"};
};
template <>
struct Words<RunningStatistics> {
  static constexpr std::array kWords{"first-pass", "every-pass", "never"};
};
template <>
struct Words<OrderOfDomains> {
  static constexpr std::array kWords{"random", "fixed"};
};
template <>
struct Words<DgsamGradients> {
  static constexpr std::array kWords{"all", "perturbed", "fresh"};
};
template <>
struct Words<DgsamScale> {
  static constexpr std::array kWords{"sum", "mean"};
};
template <>
struct Words<EvalMode> {
  static constexpr std::array kWords{"fast", "all"};
};
template <>
struct Words<WeightAveraging> {
  static constexpr std::array kWords{"none", "moving"};
};
template <>
struct Words<Oracle> {
  static constexpr std::array kWords{"best", "last"};
};
template <>
struct Words<Precision> {
  static constexpr std::array kWords{"f32", "tf32", "bf16", "f64"};
};
template <>
struct Words<ConvChoice> {
  static constexpr std::array kWords{"measured", "heuristic"};
};

template <class E>
std::string word_of(E value) {
  return Words<E>::kWords[static_cast<std::size_t>(value)];
}

template <class E>
std::vector<std::string> words_of() {
  return {Words<E>::kWords.begin(), Words<E>::kWords.end()};
}

/// Nothing for a word that is none of them.
template <class E>
std::optional<E> value_of(std::string_view word) {
  for (std::size_t i = 0; i < Words<E>::kWords.size(); ++i) {
    if (word == Words<E>::kWords[i]) return static_cast<E>(i);
  }
  return std::nullopt;
}

}  // namespace dgsam
