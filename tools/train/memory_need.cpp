#include "tools/train/memory_need.h"

#include "engine/core/check.h"

namespace dgsam {

void require_memory(const MemoryNeed& need, std::size_t free) {
  if (need.activations + need.scratch <= free) return;
  int fits = 0, too_large = need.batch_size;
  while (too_large - fits > 1) {
    const int batch_size = fits + (too_large - fits) / 2;
    // A smaller batch gives back a part of what the batches take, too.
    const std::size_t given_back = need.batches / static_cast<std::size_t>(need.batch_size) *
                                   static_cast<std::size_t>(need.batch_size - batch_size);
    (need.activations_of(batch_size) + need.scratch <= free + given_back ? fits : too_large) = batch_size;
  }
  const auto mib = [](std::size_t bytes) { return std::to_string((bytes + (1 << 20) - 1) >> 20) + " MiB"; };
  const std::string remedy =
      fits > 0 ? "--batch-size " + std::to_string(fits) + " would fit" : "not even --batch-size 1 would fit";
  fail("out of ", need.on_host ? "" : "device ", "memory: a pass over ", need.batch_size, " images needs ",
       mib(need.activations), " for activations and up to ", mib(need.scratch), " of scratch memory",
       need.on_host ? " and to save the state" : "", ", and ", mib(free), " are free",
       need.on_host ? " (of the machine, or of the limit of the control group)" : "", " beside ", mib(need.vectors),
       " of parameters, gradients and optimizer state and ", mib(need.batches), " of batches; ", remedy,
       ", or take a smaller --image-size");
}

}  // namespace dgsam
