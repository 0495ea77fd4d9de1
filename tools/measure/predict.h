// dgsam-run predict: the most likely classes of images.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "tools/train/checkpoint.h"

namespace dgsam {

struct PredictOptions {
  std::string checkpoint;
  std::vector<std::string> paths = {};  ///< images, or folders: every image below one, in byte order of the paths
  int top = 5;                          ///< as many classes as there are, if fewer
  bool json = false;                    ///< a JSON object per line
  NetworkPlace place{.batch_size = 32};
};

/// Writes a block per image, most likely class first, to `out`; with options.json a line
/// {"path": ..., "top": [{"class": ..., "index": ..., "probability": ...}, ...]}. An image that cannot be decoded is
/// named on `errors` and the others go on; Error at the end then says how many there were.
void predict(const PredictOptions& options, std::ostream& out, std::ostream& errors);

}  // namespace dgsam
