// The images that a checkpoint is evaluated on: those of its training, or others with the same classes.
#pragma once

#include <string>
#include <vector>

#include "data/splits.h"
#include "tools/train/checkpoint.h"

namespace dgsam {

struct EvalData {
  ImageFolder folder;         ///< labels are the checkpoint's
  std::vector<Split> splits;  ///< of each domain; training's, and of a domain that it had not, all are `in`
  std::vector<bool> unseen;   ///< of each domain: left out of training
  std::vector<std::string> notes;
};

/// Lists the images, with notes on standard error as training does. Where `choice` says which data these are, they may
/// have other domains than training had; all domains that it had not are unseen. Throws Error for a class that the
/// checkpoint does not know, and for one without images unless that is allowed.
EvalData open_eval_data(const Checkpoint& checkpoint, const DataChoice& choice);

/// The part of open_eval_data() behind listing: `folder` are the data, as `config` names them.
EvalData align_eval_data(const Checkpoint& checkpoint, const DataChoice& choice, const TrainConfig& config,
                         ImageFolder folder);

}  // namespace dgsam
