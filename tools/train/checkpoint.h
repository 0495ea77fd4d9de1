// A checkpoint that dgsam-run train wrote: a safetensors file whose metadata say everything needed to use it.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tools/train/evaluation.h"
#include "tools/train/train_config.h"

namespace dgsam {

/// The metadata of a checkpoint.
struct Checkpoint {
  std::string path;
  TrainConfig config;
  std::vector<std::string> classes;
  std::vector<std::string> domains;  ///< empty when the file does not say
  std::array<float, 3> mean{}, std{};
  std::int64_t step = 0;  ///< the last one taken before it was written
  std::string revision;   ///< of the program that wrote it
  std::string files_md5;  ///< digest_of() the files of training; empty when the file does not say

  /// The evaluation transform.
  TransformSpec transform() const;
};

/// Reads the metadata alone. Throws Error that names the file when it cannot be read, when keys are missing (a file
/// that dgsam-run did not write), and when a value makes no sense.
Checkpoint read_checkpoint(const std::string& path);
/// The same from the metadata themselves; `path` stands for the file in errors.
Checkpoint parse_checkpoint(const std::map<std::string, std::string>& metadata, const std::string& path);

/// Throws Error that names the first difference when the domains or classes of `folder` are not the checkpoint's.
void require_same_data(const Checkpoint& checkpoint, const ImageFolder& folder);

/// Which data a checkpoint is looked at with: those that it was trained on, but for what is given here.
struct DataChoice {
  std::optional<std::string> dataset = {}, data_dir = {}, manifest = {}, test_env = {};
  std::optional<int> trial_seed = {};
  std::optional<double> holdout = {};
  bool allow_missing_classes = false;

  /// Whether it says where the images are: they may be others than those of training.
  bool gives_data() const { return dataset || data_dir || manifest; }
  /// `config` with what is given, paths made absolute.
  TrainConfig over(TrainConfig config) const;
};

/// Where a checkpoint's network runs.
struct NetworkPlace {
  std::string device = "auto";
  std::optional<Precision> precision = {};  ///< none: as it was trained
  int threads = 0;
  int batch_size = 64;
};

/// The network of a checkpoint with its parameters, ready to evaluate.
class CheckpointNetwork {
 public:
  CheckpointNetwork(const Checkpoint& checkpoint, const NetworkPlace& place);

  /// As Evaluator::logits().
  std::span<const float> logits(const HostBatch& batch) { return evaluator_->logits(batch, theta_, statistics_); }
  int batch_size() const { return evaluator_->batch_size(); }
  int classes() const { return evaluator_->classes(); }
  std::string backend_name() const { return backend_->name(); }

 private:
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Evaluator> evaluator_;
  FlatVector theta_, statistics_;
};

}  // namespace dgsam
