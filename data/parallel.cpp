#include "data/parallel.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "engine/core/limits.h"

namespace dgsam {

int thread_count(int threads) {
  return threads > 0 ? threads : cpu_limits().threads();
}

void parallel_items(std::int64_t count, int threads, const std::function<void(std::int64_t)>& body,
                    const Progress& progress) {
  threads = static_cast<int>(std::min<std::int64_t>(thread_count(threads), count));

  std::atomic<std::int64_t> next{0}, done{0};
  std::mutex mutex;
  std::condition_variable changed;
  int running = threads;
  std::exception_ptr error;

  const auto work = [&] {
    try {
      for (std::int64_t item = next++; item < count; item = next++) {
        body(item);
        ++done;
      }
    } catch (...) {
      next = count;  // the other threads finish the item they are at
      const std::lock_guard lock(mutex);
      if (!error) error = std::current_exception();
    }
    const std::lock_guard lock(mutex);
    --running;
    changed.notify_all();
  };

  std::vector<std::jthread> pool;
  for (int t = 0; t < threads; ++t) pool.emplace_back(work);
  std::unique_lock lock(mutex);
  while (!changed.wait_for(lock, std::chrono::milliseconds(100), [&] { return running == 0; })) {
    if (!progress) continue;
    lock.unlock();
    progress(done, count);
    lock.lock();
  }
  if (error) std::rethrow_exception(error);
  if (progress) progress(count, count);
}

}  // namespace dgsam
