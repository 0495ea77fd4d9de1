#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "engine/core/check.h"
#include "engine/core/letter_case.h"
#include "models/known_weights.h"
#include "models/parameters.h"
#include "tools/commands/commands.h"
#include "tools/commands/weights.h"

namespace dgsam {

namespace {

using Json = nlohmann::ordered_json;

void print(const Json& json) {
  // Names and metadata come from a file, which need not hold UTF-8.
  std::printf("%s\n", json.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
}

std::string megabytes(std::uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f MB", static_cast<double>(bytes) / 1e6);
  return text;
}

/// JSON has no infinities and no NaN.
Json number(double value) { return std::isfinite(value) ? Json(value) : Json(std::isnan(value) ? "nan" : "inf"); }

int name_width(const std::vector<TensorFile::Entry>& entries) {
  std::size_t width = 5;
  for (const TensorFile::Entry& entry : entries) width = std::max(width, std::min<std::size_t>(entry.name.size(), 60));
  return static_cast<int>(width);
}

// --- info --------------------------------------------------------------------------------------------------------

struct Info {
  std::unique_ptr<TensorFile> file;
  std::optional<ModelSpec> model;
  std::vector<std::string> notes;
  std::vector<TensorStatistics> statistics;  ///< by entry
  std::uint64_t elements = 0, not_finite = 0;
};

Info info_of(const std::string& path) {
  Info info;
  info.file = open_tensor_file(path);
  info.model = recognise_model(*info.file);
  info.notes = info.file->notes();
  if (const std::string known = known_weights_note(*info.file); !known.empty()) info.notes.push_back(known);
  for (const TensorFile::Entry& entry : info.file->entries()) {
    info.statistics.push_back(statistics_of(info.file->read_as<double>(entry.name)));
    info.elements += entry.elements();
    info.not_finite += info.statistics.back().not_finite;
  }
  return info;
}

std::string model_text(const std::optional<ModelSpec>& model) {
  if (!model) return "none of --model resnet18, resnet50, mnist-cnn";
  std::string text = "--model " + model->name + ", ";
  text += model->classes > 0 ? std::to_string(model->classes) + " classes" : std::string("without its head");
  if (model->image_channels != 3) text += ", images of " + std::to_string(model->image_channels) + " channels";
  return text;
}

void print_info(const Info& info) {
  const TensorFile& file = *info.file;
  std::printf("%-12s %s\n", "file", file.path().c_str());
  std::printf("%-12s %s, %s\n", "format", file.format().c_str(), megabytes(file.file_bytes()).c_str());
  std::printf("%-12s %s\n", "fits", model_text(info.model).c_str());
  for (const auto& [key, value] : file.metadata()) {
    std::printf("%-12s %s = %s\n", "metadata", printable(key).c_str(), printable(value).c_str());
  }
  const int width = name_width(file.entries());
  std::printf("\n%-*s %-4s %-18s %11s %11s %11s %11s\n", width, "name", "type", "shape", "min", "max", "mean", "norm");
  for (std::size_t i = 0; i < file.entries().size(); ++i) {
    const TensorFile::Entry& entry = file.entries()[i];
    const TensorStatistics& s = info.statistics[i];
    std::printf("%-*s %-4s %-18s %11.4g %11.4g %11.4g %11.4g", width, printable(entry.name).c_str(),
                entry.dtype.c_str(), shape_text(entry.shape).c_str(), s.minimum, s.maximum, s.mean, s.norm);
    if (s.not_finite > 0) std::printf("  %llu not finite", static_cast<unsigned long long>(s.not_finite));
    std::printf("\n");
  }
  std::printf("\n%zu tensors, %llu values", file.entries().size(), static_cast<unsigned long long>(info.elements));
  if (info.not_finite > 0) std::printf(", %llu NOT FINITE", static_cast<unsigned long long>(info.not_finite));
  std::printf("\n");
}

Json json_of(const Info& info) {
  const TensorFile& file = *info.file;
  Json json{{"file", file.path()}, {"format", file.format()}, {"bytes", file.file_bytes()}};
  json["model"] = nullptr;
  if (info.model) {
    json["model"] = {
        {"name", info.model->name}, {"classes", info.model->classes}, {"image_channels", info.model->image_channels}};
  }
  json["metadata"] = file.metadata();
  json["notes"] = info.notes;
  json["values"] = info.elements;
  json["not_finite"] = info.not_finite;
  json["tensors"] = Json::array();
  for (std::size_t i = 0; i < file.entries().size(); ++i) {
    const TensorFile::Entry& entry = file.entries()[i];
    const TensorStatistics& s = info.statistics[i];
    json["tensors"].push_back({{"name", entry.name},
                               {"dtype", entry.dtype},
                               {"shape", entry.shape},
                               {"min", number(s.minimum)},
                               {"max", number(s.maximum)},
                               {"mean", number(s.mean)},
                               {"norm", number(s.norm)},
                               {"not_finite", s.not_finite}});
  }
  return json;
}

// --- diff --------------------------------------------------------------------------------------------------------

void print_difference(const WeightsDifference& difference, const std::string& first, const std::string& second,
                      double tolerance) {
  for (const std::string& name : difference.only_first) {
    std::printf("only in %s: %s\n", first.c_str(), name.c_str());
  }
  for (const std::string& name : difference.only_second) {
    std::printf("only in %s: %s\n", second.c_str(), name.c_str());
  }
  for (const std::string& shapes : difference.shapes) std::printf("shapes differ: %s\n", shapes.c_str());
  std::size_t differing = 0, width = 5;
  for (const TensorDifference& tensor : difference.tensors) {
    if (tensor.largest <= tolerance) continue;
    ++differing;
    width = std::max(width, std::min<std::size_t>(tensor.name.size(), 60));
  }
  const auto row = [&](const TensorDifference& tensor) {
    std::printf("%-*s %14.6g %18.6g\n", static_cast<int>(width), printable(tensor.name).c_str(), tensor.largest,
                tensor.relative);
  };
  if (differing > 0) {
    std::printf("%-*s %14s %18s\n", static_cast<int>(width), "name", "max |a - b|", "|a - b| / |a|");
    for (const TensorDifference& tensor : difference.tensors) {
      if (tensor.largest > tolerance) row(tensor);
    }
    row(difference.total);
  }
  std::printf("%s: %zu of %zu common tensors differ", difference.equal_within(tolerance) ? "equal" : "DIFFERENT",
              differing, difference.tensors.size());
  if (tolerance > 0) std::printf(" by more than %g (largest difference %g)", tolerance, difference.total.largest);
  std::printf("\n");
}

Json json_of(const WeightsDifference& difference, double tolerance) {
  Json json{{"equal", difference.equal_within(tolerance)},
            {"tolerance", tolerance},
            {"only_first", difference.only_first},
            {"only_second", difference.only_second},
            {"shapes", difference.shapes},
            {"max", number(difference.total.largest)},
            {"relative", number(difference.total.relative)},
            {"tensors", Json::array()}};
  for (const TensorDifference& tensor : difference.tensors) {
    json["tensors"].push_back(
        {{"name", tensor.name}, {"max", number(tensor.largest)}, {"relative", number(tensor.relative)}});
  }
  return json;
}

void print_notes(const std::vector<std::string>& notes) {
  for (const std::string& note : notes) std::fprintf(stderr, "note: %s\n", note.c_str());
}

struct WeightsOptions {
  std::string first, second, dtype, prefix;
  double tolerance = 0;
  bool json = false;
};

void run_info(const WeightsOptions& options) {
  const Info info = info_of(options.first);
  if (options.json) {
    print(json_of(info));
    return;
  }
  print_notes(info.notes);
  print_info(info);
}

void run_convert(const WeightsOptions& options) {
  const std::unique_ptr<TensorFile> file =
      options.prefix.empty() ? open_tensor_file(options.first) : open_tensor_file_under(options.first, options.prefix);
  print_notes(file->notes());
  const ConversionReport report = convert_weights(*file, options.second, upper_case(options.dtype));
  for (const std::string& name : report.overflowed) {
    std::fprintf(stderr, "note: %s: values too large for %s became infinite\n", name.c_str(), options.dtype.c_str());
  }
  std::printf("%s: %zu tensors, %s\n", options.second.c_str(), report.tensors, megabytes(report.bytes).c_str());
}

void run_diff(const WeightsOptions& options) {
  const std::unique_ptr<TensorFile> first = open_tensor_file(options.first), second = open_tensor_file(options.second);
  const WeightsDifference difference = difference_of(*first, *second);
  if (options.json) {
    print(json_of(difference, options.tolerance));
  } else {
    print_notes(first->notes());
    print_notes(second->notes());
    print_difference(difference, options.first, options.second, options.tolerance);
  }
  if (!difference.equal_within(options.tolerance)) throw CLI::RuntimeError(1);
}

}  // namespace

void add_weights_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "weights", "Looks into, converts and compares files of weights: safetensors, and PyTorch's .pth, .pt and .pkl");
  command->require_subcommand(1);
  const auto options = std::make_shared<WeightsOptions>();
  const auto files = "safetensors, or what torch.save(model.state_dict(), path) wrote";

  CLI::App* info = command->add_subcommand("info", "Lists the tensors, and says which model they fit");
  info->add_option("FILE", options->first, files)->required();
  info->add_flag("--json", options->json, "Print JSON");
  info->callback([options] { run_info(*options); });

  CLI::App* convert =
      command->add_subcommand("convert", "Writes the tensors as safetensors, under torchvision's names");
  convert->add_option("IN", options->first, files)->required();
  convert->add_option("OUT", options->second, "The .safetensors file to write")->required();
  convert->add_option("--dtype", options->dtype, "Type of the floating-point tensors; without it they keep theirs")
      ->check(CLI::IsMember({"f32", "f16", "bf16"}));
  convert->add_option("--strip-prefix", options->prefix,
                      "Take only the tensors whose names in the file begin with this, without it; no other name is "
                      "changed");
  convert->callback([options] { run_convert(*options); });

  CLI::App* diff = command->add_subcommand(
      "diff", "Compares two files tensor by tensor; exits with 0 when they are equal and with 1 when they are not");
  diff->add_option("A", options->first, files)->required();
  diff->add_option("B", options->second, files)->required();
  diff->add_option("--tolerance", options->tolerance, "Largest |a - b| that counts as equal")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  diff->add_flag("--json", options->json, "Print JSON");
  diff->callback([options] { run_diff(*options); });
}

}  // namespace dgsam
