#include "optim/step_report.h"

#include <cmath>
#include <string_view>
#include <utility>

#include "engine/core/check.h"

namespace dgsam {
namespace {

template <class T>
std::vector<double> as_double(const void* data, std::size_t count) {
  const T* const values = static_cast<const T*>(data);
  return {values, values + count};
}

}  // namespace

void require_finite(const StepReport& report, std::int64_t step, const std::vector<std::string>& domain_names) {
  const auto check = [&](std::size_t pass, double value, std::string_view quantity) {
    if (std::isfinite(value)) return;
    const int domain = report.domains[pass];
    fail("step ", step, ", pass ", pass + 1, " of ", report.losses.size(), ": the ", quantity, " of ",
         domain == StepReport::kMean ? "all domains together"
                                     : "domain " + domain_names.at(static_cast<std::size_t>(domain)),
         " is ", value);
  };
  for (std::size_t pass = 0; pass < report.losses.size(); ++pass) {
    check(pass, report.losses[pass], "loss");
    check(pass, report.norms[pass], "gradient norm");
  }
}

PendingReport::PendingReport(Backend& backend, int passes, DType dtype)
    : dtype_(dtype),
      losses_(backend.make_read_back(static_cast<std::size_t>(passes) * size_of(dtype))),
      norms_(backend.make_read_back(static_cast<std::size_t>(passes) * size_of(DType::f64))) {}

void PendingReport::start(ConstTensor losses, ConstTensor norms, std::vector<int> batches, std::vector<int> order) {
  losses_->start(losses);
  norms_->start(norms);
  batches_ = std::move(batches);
  order_ = std::move(order);
}

StepReport PendingReport::wait() const {
  const std::size_t passes = batches_.size();
  StepReport report;
  const void* const losses = losses_->wait();
  report.losses = dtype_ == DType::f64 ? as_double<double>(losses, passes) : as_double<float>(losses, passes);
  report.norms = as_double<double>(norms_->wait(), passes);
  for (const int batch : batches_)
    report.domains.push_back(batch == StepReport::kMean ? batch : order_[static_cast<std::size_t>(batch)]);
  return report;
}

}  // namespace dgsam
