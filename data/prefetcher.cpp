#include "data/prefetcher.h"

#include <utility>

#include "engine/core/check.h"

namespace dgsam {

Prefetcher::Prefetcher(Open open, Fill fill, int threads, int steps_ahead)
    : open_(std::move(open)), fill_(std::move(fill)) {
  require(threads > 0, "the loader has ", threads, " threads; it needs at least 1");
  require(steps_ahead > 0, "the loader works ", steps_ahead, " steps ahead; it must be at least 1");
  ring_.resize(static_cast<std::size_t>(steps_ahead));
  for (int t = 0; t < threads; ++t) workers_.emplace_back([this] { work(); });
}

Prefetcher::~Prefetcher() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  space_.notify_all();
  workers_.clear();  // joins, while the members that the workers use still live
}

bool Prefetcher::has_item() {
  if (taken_ < items_) return true;
  if (ended_ || opened_ - consumed_ == std::ssize(ring_)) return false;
  Stage& next = stage(opened_);
  items_ = open_(opened_, next.slot);
  taken_ = 0;
  next.unfinished = items_;
  ended_ = items_ == 0;
  if (ended_) {
    ready_.notify_all();
    return false;
  }
  ++opened_;
  return true;
}

void Prefetcher::work() {
  std::unique_lock lock(mutex_);
  try {
    for (;;) {
      space_.wait(lock, [this] { return stop_ || has_item(); });
      if (stop_) return;
      const std::int64_t step = opened_ - 1;
      const int item = taken_++;
      Stage& filled = stage(step);
      lock.unlock();
      fill_(step, item, filled.slot);
      lock.lock();
      if (--filled.unfinished == 0) ready_.notify_all();
    }
  } catch (...) {
    if (!lock.owns_lock()) lock.lock();
    if (!error_) error_ = std::current_exception();
    stop_ = true;
    space_.notify_all();
    ready_.notify_all();
  }
}

bool Prefetcher::next(Slot& slot) {
  std::unique_lock lock(mutex_);
  const auto prepared = [this] { return opened_ > consumed_ && stage(consumed_).unfinished == 0; };
  ready_.wait(lock, [&] { return prepared() || error_ || (ended_ && opened_ == consumed_); });
  if (!prepared()) {
    if (error_) std::rethrow_exception(error_);
    return false;
  }
  std::swap(slot, stage(consumed_).slot);
  ++consumed_;
  space_.notify_all();
  return true;
}

}  // namespace dgsam
