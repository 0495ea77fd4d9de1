// Published weights, recognised by their files' SHA-256.
#pragma once

#include <string>

#include "engine/io/tensor_file.h"

namespace dgsam {

/// One line for the user, or "": which of torchvision's weights a file of torch.save is, by the first eight digits of
/// its SHA-256, which torchvision's file names end with; or, for a file with such a name, that it is not what its name
/// says. Reads the whole file.
std::string known_weights_note(const TensorFile& file);

}  // namespace dgsam
