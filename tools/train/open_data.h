// The data that a configuration names.
#pragma once

#include "data/image_folder.h"
#include "tools/train/train_config.h"

namespace dgsam {

/// Lists the images of --dataset in --data-dir, or of --manifest; reads none of them. With `aloud` the notes, and for a
/// data set that is known by name how it compares with what was published, go to standard error. Throws Error when the
/// data are not there, or not what the data set's name says.
ImageFolder open_data(const TrainConfig& config, bool aloud = false);

}  // namespace dgsam
