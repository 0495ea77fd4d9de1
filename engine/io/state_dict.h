// The tensors that a pickle of torch.save describes: which storage each lies in, and how.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/io/pickle.h"

namespace dgsam {

/// A storage that the file holds, by PyTorch's key for it.
struct PickledStorage {
  std::string key;
  std::string dtype;  ///< "F32", ...
  std::uint64_t elements = 0;

  std::uint64_t bytes() const;
};

/// A tensor in a storage. Offset and strides count elements; [offset, offset + span) are inside the storage.
struct PickledTensor {
  std::string name;
  std::size_t storage = 0;  ///< index into StateDict::storages
  std::uint64_t offset = 0;
  std::uint64_t span = 0;  ///< 0 for a tensor without elements
  std::vector<std::int64_t> shape, strides;

  std::uint64_t elements() const;
};

/// The weights of a pickle.
struct StateDict {
  std::vector<PickledStorage> storages;  ///< all that the pickle refers to, of weights and of anything else
  std::vector<PickledTensor> tensors;
  std::vector<std::string> notes;
};

/// What torch.save(model.state_dict()) asks Python for, and hence all that such a pickle may name. pathlib's path, a
/// text, is among the arguments in SWAD's checkpoints.
std::span<const std::string_view> state_dict_globals();

/// Takes the dictionary of tensors: the root; or the one under a usual key ("state_dict", "model", ...), or the only
/// one there is; or all tensors in nested dictionaries, under names joined with dots. Which it was is a note, and so is
/// what else is in it. Throws Error that begins with `file` when there is none or when a tensor is not what PyTorch
/// writes: storages of a known type, strides that stay inside them, and not more elements than they span (an expanded
/// tensor).
StateDict read_state_dict(const Pickle& pickle, const std::string& file);

}  // namespace dgsam
