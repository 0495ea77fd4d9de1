// A progress bar for work that says only when it starts how much it is.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "data/parallel.h"
#include "tools/terminal/progress.h"

namespace dgsam {

/// The bar appears at the first report that leaves something to do: work that is done at once shows none.
class LateProgress {
 public:
  explicit LateProgress(std::string title) : title_(std::move(title)) {}

  /// Refers to this object.
  Progress callback() {
    return [this](std::int64_t done, std::int64_t total) {
      if (!bar_ && done < total) bar_.emplace(title_, total);
      if (bar_) bar_->set(done);
    };
  }
  void finish() {
    if (bar_) bar_->finish();
  }

 private:
  std::string title_;
  std::optional<ProgressBar> bar_;
};

}  // namespace dgsam
