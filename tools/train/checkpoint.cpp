#include "tools/train/checkpoint.h"

#include <charconv>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "engine/core/check.h"
#include "engine/io/safetensors.h"
#include "engine/make_backend.h"
#include "models/parameters.h"

namespace dgsam {

namespace {

using nlohmann::ordered_json;

/// The metadata of one file, by key.
class Metadata {
 public:
  Metadata(const std::map<std::string, std::string>& values, const std::string& path) : values_(values), path_(path) {
    std::string missing;
    for (const char* key : {"config", "step", "classes", "normalisation", "revision"}) {
      if (!values.contains(key)) missing += (missing.empty() ? "" : ", ") + std::string(key);
    }
    require(missing.empty(), path, " lacks the metadata ", missing,
            ": it is not a checkpoint written by dgsam-run train, which eval and predict need");
  }

  const std::string& text(const std::string& key) const { return values_.at(key); }
  ordered_json json(const std::string& key) const {
    ordered_json value = ordered_json::parse(text(key), nullptr, false);
    require(!value.is_discarded(), path_, ": the metadata \"", key, "\" is not valid JSON");
    return value;
  }
  std::int64_t number(const std::string& key) const {
    std::int64_t value = 0;
    const std::string& digits = text(key);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    require(error == std::errc() && end == digits.data() + digits.size() && value >= 0, path_, ": the metadata \"", key,
            "\" is \"", digits, "\", not a number of steps");
    return value;
  }
  std::vector<std::string> names(const std::string& key, std::size_t at_least) const {
    std::vector<std::string> names;
    const ordered_json list = json(key);
    for (const ordered_json& name : list) {
      require(list.is_array() && name.is_string(), path_, ": the metadata \"", key, "\" is not a list of names");
      names.push_back(name.get<std::string>());
    }
    require(names.size() >= at_least, path_, ": the metadata \"", key, "\" has ", names.size(), " names, fewer than ",
            at_least);
    return names;
  }
  /// normalisation.`key`: one finite number per channel of RGB.
  std::array<float, 3> normalisation(const std::string& key) const {
    const ordered_json all = json("normalisation");
    const auto found = all.find(key);
    std::array<float, 3> numbers{};
    bool fits = found != all.end() && found->is_array() && found->size() == numbers.size();
    for (std::size_t c = 0; fits && c < numbers.size(); ++c) {
      fits = (*found)[c].is_number();
      if (fits) numbers[c] = (*found)[c].get<float>();
      fits = fits && std::isfinite(numbers[c]);
    }
    require(fits, path_, ": the metadata \"normalisation\" has no three numbers \"", key, "\"");
    return numbers;
  }

 private:
  const std::map<std::string, std::string>& values_;
  const std::string& path_;
};

void require_same_names(const Checkpoint& checkpoint, const char* what, const std::vector<std::string>& trained,
                        const std::vector<std::string>& found, const std::string& root) {
  for (std::size_t i = 0; i < std::max(trained.size(), found.size()); ++i) {
    const auto name = [i](const std::vector<std::string>& names) {
      return i < names.size() ? "'" + names[i] + "'" : std::string("missing");
    };
    require(name(trained) == name(found), what, " ", i, " is ", name(trained), " in ", checkpoint.path, " and ",
            name(found), " in ", root, ": a checkpoint is evaluated on the data set that it was trained for");
  }
}

}  // namespace

TransformSpec Checkpoint::transform() const {
  return {.image_size = config.image_size, .channels = config.channels, .mean = mean, .std = std};
}

Checkpoint read_checkpoint(const std::string& path) { return parse_checkpoint(SafetensorsFile(path).metadata(), path); }

Checkpoint parse_checkpoint(const std::map<std::string, std::string>& values, const std::string& path) {
  const Metadata metadata(values, path);
  Checkpoint checkpoint;
  checkpoint.path = path;
  checkpoint.config = TrainConfig::from_json(metadata.json("config"), path + ": the metadata \"config\"");
  try {
    resolve(checkpoint.config);
  } catch (const Error& error) {
    fail(path, ": the metadata \"config\": ", error.what());
  }
  checkpoint.classes = metadata.names("classes", 2);
  if (values.contains("domains")) checkpoint.domains = metadata.names("domains", 1);
  checkpoint.mean = metadata.normalisation("mean");
  checkpoint.std = metadata.normalisation("std");
  for (const float deviation : checkpoint.std)
    require(deviation > 0, path, ": the metadata \"normalisation\" has the standard deviation ", deviation);
  checkpoint.step = metadata.number("step");
  checkpoint.revision = metadata.text("revision");
  if (values.contains("files_md5")) checkpoint.files_md5 = metadata.text("files_md5");
  return checkpoint;
}

TrainConfig DataChoice::over(TrainConfig config) const {
  config.dataset = dataset.value_or(config.dataset);
  if (data_dir || manifest) {
    require(!data_dir || !manifest, "--data-dir and --manifest both say where the images are: give one of them");
    config.data_dir = absolute_path(data_dir.value_or(""));
    config.manifest = absolute_path(manifest.value_or(""));
    if (manifest && !dataset) config.dataset = "folder";
  }
  require(config.manifest.empty() || config.dataset == "folder", "--manifest is for --dataset folder, not for ",
          config.dataset);
  config.allow_missing_classes = config.allow_missing_classes || allow_missing_classes;
  config.test_env = test_env.value_or(config.test_env);
  config.trial_seed = trial_seed.value_or(config.trial_seed);
  config.holdout = holdout.value_or(config.holdout);
  return config;
}

void require_same_data(const Checkpoint& checkpoint, const ImageFolder& folder) {
  std::vector<std::string> domains;
  for (const Domain& domain : folder.domains) domains.push_back(domain.name);
  const std::string root = folder.root.string();
  if (!checkpoint.domains.empty()) require_same_names(checkpoint, "domain", checkpoint.domains, domains, root);
  require_same_names(checkpoint, "class", checkpoint.classes, folder.classes, root);
}

CheckpointNetwork::CheckpointNetwork(const Checkpoint& checkpoint, const NetworkPlace& place) {
  TrainConfig config = checkpoint.config;
  config.threads = place.threads;
  config.precision = place.precision.value_or(config.precision);
  backend_ = make_backend(place.device, backend_options(config));
  NetworkOptions options;
  options.batch = place.batch_size;
  options.image_size = config.image_size;
  options.activation = config.activation();
  options.adapt_to(*backend_);
  const ModelSpec model = config.model_spec(static_cast<int>(checkpoint.classes.size()));
  evaluator_ = std::make_unique<Evaluator>(*backend_, model, options, std::make_shared<Arena>(*backend_));
  const Graph& graph = evaluator_->graph();
  theta_ = FlatVector(*backend_, graph.theta_layout(), graph.master());
  statistics_ = FlatVector(*backend_, graph.statistic_layout(), graph.master());
  const LoadReport report = load_weights(checkpoint.path, graph, *backend_, theta_, statistics_);
  for (const std::string& note : report.notes) std::fprintf(stderr, "note: %s\n", note.c_str());
  require(!report.head_reinitialised, checkpoint.path, ": its last layer is not one for its ",
          checkpoint.classes.size(), " classes");
}

}  // namespace dgsam
