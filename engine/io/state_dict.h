// The weights that a pickle of torch.save describes: which of its dictionaries are them, and what they are called.
#pragma once

#include <string>
#include <vector>

#include "engine/io/pickled_tensors.h"

namespace dgsam {

/// The weights of a pickle.
struct StateDict {
  std::vector<PickledStorage> storages;  ///< all that the pickle refers to, of weights and of anything else
  std::vector<PickledTensor> tensors;
  std::vector<std::string> notes;
};

/// Takes the dictionary of tensors: the root; or the one under a usual key ("state_dict", "model", ...), or the only
/// one there is; or all tensors in nested dictionaries, under names joined with dots. Which it was is a note. What else
/// is in it, and tensors whose values can't be read (complex, sparse, quantized, without storage, of a subclass), are
/// left out with a note that names the first. Throws Error that begins with `file` when nothing is left, or when a
/// tensor is not what PyTorch writes: strides that leave the storage, no storage, no shape.
StateDict read_state_dict(const Pickle& pickle, const std::string& file);

}  // namespace dgsam
