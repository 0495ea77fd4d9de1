#include "tools/train/step_log.h"

#include <nlohmann/json.hpp>
#include <numeric>
#include <utility>

#include "engine/core/check.h"
#include "tools/train/tensorboard.h"

namespace dgsam {

double seconds_since(StepLog::Clock::time_point start) {
  return std::chrono::duration<double>(StepLog::Clock::now() - start).count();
}

StepLog::StepLog(const RunSetup& setup, RunFiles& files, RunProgress& progress)
    : setup_(setup), files_(files), progress_(progress), source_names_(setup.data.source_names()) {}

void StepLog::add(std::int64_t step, Clock::time_point start) {
  if (pending_) write(*pending_, setup_.method->report(1));
  pending_ = {step, seconds_since(start)};
}

void StepLog::finish() {
  if (!pending_) return;
  const auto start = Clock::now();
  const StepReport report = setup_.method->report();
  Pending last = *std::exchange(pending_, std::nullopt);
  last.seconds += seconds_since(start);
  write(last, report);
}

void StepLog::write(const Pending& pending, const StepReport& report) {
  check_finite(pending.step, report);
  const nlohmann::ordered_json text = line(pending.step, report);
  files_.metrics(text);
  files_.timing({{"step", pending.step}, {"seconds", pending.seconds}});
  files_.events(pending.step, step_scalars(text, pending.seconds));
  progress_.add_step(text["loss"].get<double>(), pending.seconds);
}

nlohmann::ordered_json StepLog::line(std::int64_t step, const StepReport& report) const {
  std::vector<double> of_mean, of_domain;
  std::vector<int> domains;
  for (std::size_t pass = 0; pass < report.losses.size(); ++pass) {
    const int position = report.domains[pass];
    if (position == StepReport::kMean) {
      of_mean.push_back(report.losses[pass]);
    } else {
      of_domain.push_back(report.losses[pass]);
      domains.push_back(setup_.data.sources[static_cast<std::size_t>(position)]);
    }
  }
  nlohmann::ordered_json line{{"step", step}};
  if (domains.empty()) {
    line["loss"] = of_mean[0];
    if (of_mean.size() == 2) line["perturbed_loss"] = of_mean[1];
  } else {
    line["loss"] = std::accumulate(of_domain.begin(), of_domain.end(), 0.0) / static_cast<double>(of_domain.size());
    if (!of_mean.empty()) line["perturbed_loss"] = of_mean[0];
    line["losses"] = of_domain;
    line["domains"] = domains;
  }
  line["grad_norms"] = report.norms;
  return line;
}

void StepLog::check_finite(std::int64_t step, const StepReport& report) {
  try {
    require_finite(report, step, source_names_);
  } catch (const Error& error) {
    files_.flush();
    fail(error.what(),
         progress_.evaluated_step >= 0 ? "; the last good checkpoint is " + files_.path("last.safetensors")
                                       : "; no checkpoint had been written yet",
         ". A smaller --lr or --rho usually helps");
  }
}

}  // namespace dgsam
