// dgsam-run eval: a checkpoint on every image of a data set.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "tools/train/checkpoint.h"

namespace dgsam {

struct EvalOptions {
  std::string checkpoint;
  DataChoice data = {};
  int mistakes = 0;  ///< per domain, the surest wrong answers are listed in the JSON
  NetworkPlace place = {};
};

struct Evaluation {
  std::string text;             ///< tables
  nlohmann::ordered_json json;  ///< the same and the confusion matrices of all domains
};

/// Where `eval --save` writes for a checkpoint: last.eval.json beside last.safetensors.
std::string eval_file(const std::string& checkpoint);

/// Evaluates each image once, with progress on standard error. Throws Error for a file that is no checkpoint, for data
/// that open_eval_data() refuses, and for an image that cannot be decoded.
Evaluation evaluate_checkpoint(const EvalOptions& options);

}  // namespace dgsam
