#include "tools/train/domain_losses.h"

#include <algorithm>
#include <utility>

namespace dgsam {

namespace {

NetworkOptions analysis_options(NetworkOptions options, const std::vector<DomainIndices>& parts) {
  for (const DomainIndices& part : parts) {
    options.batch = std::min(options.batch, static_cast<int>(part.indices.size()));
  }
  require(options.batch > 0, "the loss of a domain without images cannot be measured");
  options.training = true;
  options.dropout = 0;
  options.batch_norm = BatchNormMode::frozen;
  return options;
}

}  // namespace

class DomainLosses::DomainLoss final : public Loss {
 public:
  DomainLoss(DomainLosses& owner, DomainIndices part) : owner_(owner), part_(std::move(part)) {}

  double loss(const FlatVector& theta) override {
    const double loss = owner_.evaluator_.evaluate(*owner_.images_, part_, theta, *owner_.statistics_).loss;
    report();
    return loss;
  }

  void gradient(const FlatVector& theta, FlatVector& g) override {
    const double batches = static_cast<double>(part_.indices.size()) / owner_.options_.batch;
    const auto reader = make_evaluation_batches(*owner_.images_, part_, owner_.options_.batch);
    FlatVector& of_batch = owner_.batch_gradient_;
    double keep = 0;
    while (const ImageBatch* const batch = reader->next()) {
      owner_.batch_.load(*batch);
      owner_.program_.run(
          {.theta = &theta, .gradient = &of_batch, .statistics = owner_.statistics_, .inputs = owner_.batch_.inputs()});
      owner_.backend_->axpby(1 / batches, of_batch.all(), keep, g.all());
      keep = 1;
    }
    report();
  }

  std::int64_t images() const { return std::ssize(part_.indices); }

 private:
  void report() const {
    if (owner_.done_) owner_.done_(images());
  }

  DomainLosses& owner_;
  DomainIndices part_;
};

DomainLosses::DomainLosses(Backend& backend, const ModelSpec& model, NetworkOptions options,
                           const std::shared_ptr<Arena>& arena, const RunImages& images,
                           std::vector<DomainIndices> parts, const FlatVector& statistics)
    : backend_(&backend),
      images_(&images),
      statistics_(&statistics),
      options_(analysis_options(options, parts)),
      program_(build_network(model, options_).graph, backend, arena),
      evaluator_(backend, model, options_, arena),
      batch_(backend, image_type(program_.graph())),
      batch_gradient_(backend, program_.graph().theta_layout(), program_.graph().master()) {
  for (DomainIndices& part : parts) {
    part.indices.resize(part.indices.size() - part.indices.size() % static_cast<std::size_t>(options_.batch));
    losses_.push_back(std::make_unique<DomainLoss>(*this, std::move(part)));
  }
}

DomainLosses::~DomainLosses() = default;

Loss& DomainLosses::operator[](std::size_t i) { return *losses_.at(i); }

std::int64_t DomainLosses::images(std::size_t i) const { return losses_.at(i)->images(); }

MeanLoss DomainLosses::mean_of(const std::vector<std::size_t>& parts) {
  std::vector<Loss*> losses;
  for (const std::size_t part : parts) losses.push_back(losses_.at(part).get());
  return {*backend_, std::move(losses)};
}

}  // namespace dgsam
