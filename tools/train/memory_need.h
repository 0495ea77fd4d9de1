// What a training run needs of the memory of the device, or of the host where that computes, before it needs it.
#pragma once

#include <cstddef>
#include <functional>

namespace dgsam {

struct MemoryNeed {
  std::size_t activations = 0;  ///< of a pass, with folded weights and their gradients: the programs' arena
  std::size_t vectors = 0;      ///< in use: parameters, gradients, optimizer state, statistics
  std::size_t batches = 0;      ///< in use: a step's images and labels
  std::size_t scratch = 0;      ///< that convolutions may take for themselves
  int batch_size = 0;           ///< images per domain
  /// `activations` if the batch size were another one.
  std::function<std::size_t(int batch_size)> activations_of;
  bool on_host = false;  ///< the memory is the host's: `scratch` is also what saving the state takes
};

/// Throws Error when `activations` and `scratch` are more than `free` bytes: with what each part takes, what is free,
/// and the largest batch size that would fit.
void require_memory(const MemoryNeed& need, std::size_t free);

}  // namespace dgsam
