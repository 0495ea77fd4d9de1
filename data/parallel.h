// A loop over independent items on several threads, with progress.
#pragma once

#include <cstdint>
#include <functional>

namespace dgsam {

/// Called with (items done, items in all), always on the thread that started the work.
using Progress = std::function<void(std::int64_t done, std::int64_t total)>;

/// `threads`, or for 0 as many as this process may run at once (engine/core/limits.h).
int thread_count(int threads);

/// Calls body(0) .. body(count - 1), each once, on `threads` threads (0: one per core). Reports progress about ten
/// times a second and once at the end. Rethrows the first exception after every thread has stopped.
void parallel_items(std::int64_t count, int threads, const std::function<void(std::int64_t)>& body,
                    const Progress& progress = {});

}  // namespace dgsam
