#include "models/known_weights.h"

#include <algorithm>
#include <array>
#include <filesystem>

namespace dgsam {

namespace {

struct Published {
  std::string_view model, digits, preset;
};

/// From the addresses in torchvision/models/resnet.py, of its versions 0.8 and 0.14.
constexpr std::string_view kFirst = "IMAGENET1K_V1";
constexpr std::string_view kSecond =
    "IMAGENET1K_V2, trained by a longer recipe; published results for domain generalization start from IMAGENET1K_V1";
constexpr std::array<Published, 5> kPublished{{{"resnet18", "5c106cde", kFirst},
                                               {"resnet18", "f37072fd", kFirst},
                                               {"resnet50", "19c8e357", kFirst},
                                               {"resnet50", "0676ba61", kFirst},
                                               {"resnet50", "11ad3fa6", kSecond}}};
constexpr std::size_t kDigits = 8;

/// The digits of "resnet50-0676ba61.pth"; "" for a name without them.
std::string digits_of_name(const std::string& path) {
  const std::string stem = std::filesystem::path(path).stem().string();
  if (stem.size() <= kDigits || stem[stem.size() - kDigits - 1] != '-') return "";
  const std::string digits = stem.substr(stem.size() - kDigits);
  return digits.find_first_not_of("0123456789abcdef") == std::string::npos ? digits : "";
}

}  // namespace

std::string known_weights_note(const TensorFile& file) {
  if (file.format() == "safetensors") return "";
  const std::string digits = file.sha256().substr(0, kDigits), named = digits_of_name(file.path());
  const auto found =
      std::find_if(kPublished.begin(), kPublished.end(), [&](const auto& p) { return p.digits == digits; });
  if (found != kPublished.end()) {
    return file.path() + ": torchvision's " + std::string(found->model) + " " + std::string(found->preset);
  }
  if (named.empty() || named == digits) return "";
  return file.path() + ": its SHA-256 begins with " + digits + ", not with " + named +
         " as its name says: it was changed, or its download was damaged";
}

}  // namespace dgsam
