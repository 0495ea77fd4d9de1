#include "data/loader.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "data/prefetcher.h"
#include "engine/core/check.h"
#include "engine/core/rng.h"

namespace dgsam {
namespace {

/// The stream of element `element` of the batch of `domain` at `step`: its own, so that no draw depends on another.
RandomStream element_stream(std::uint64_t seed, std::string_view purpose, int domain, std::int64_t step, int element) {
  const auto place = static_cast<std::uint64_t>(domain) << 16 | static_cast<std::uint64_t>(element);
  return {seed, purpose, static_cast<std::uint64_t>(step), place};
}

/// The stream of one image in an augmented evaluation. A domain may hold more images than a batch has elements.
RandomStream image_stream(const EvalAugmentation& augmentation, int domain, int index) {
  const auto place = static_cast<std::uint64_t>(domain) << 32 | static_cast<std::uint64_t>(index);
  return {*augmentation.seed, "augment eval", place, static_cast<std::uint64_t>(augmentation.draw)};
}

void resize_batch(HostBatch& batch, int count, const TransformSpec& transform) {
  batch.images.resize(static_cast<std::size_t>(count) * image_values(transform));
  batch.labels.resize(static_cast<std::size_t>(count));
}

/// Writes `what` as element `element` of a batch.
void write_element(const ImageCache& cache, BatchElement what, int element, const TransformSpec& transform,
                   const Normaliser& normaliser, HostBatch& batch) {
  Image decoded;
  const Image& image = cache.get(what.domain, what.index, decoded);
  float* const out = batch.images.data() + image_values(transform) * static_cast<std::size_t>(element);
  batch.labels[element] = cache.label(what.domain, what.index);
  if (what.random) {
    const AugmentDraw draw = draw_augmentation(*what.random, image.width, image.height);
    normaliser.apply(augment(image, draw, transform.image_size), out);
  } else {
    Image resized;
    normaliser.apply(resize_for_evaluation(image, transform.image_size, resized), out);
  }
}

void check_augmentable(const ImageCache& cache) {
  require(cache.resize_to() == 0,
          "the training augmentation crops original images, but the cache keeps them resized to ", cache.resize_to());
}

void check_part(const ImageCache& cache, const DomainIndices& part, const TransformSpec& transform, int batch_size) {
  const auto& domains = cache.folder().domains;
  require(part.domain >= 0 && part.domain < std::ssize(domains), "there is no domain ", part.domain,
          "; the data set has ", domains.size());
  const Domain& domain = domains[part.domain];
  require(!part.indices.empty(), "the part of domain '", domain.name, "' to read is empty (", domain.samples.size(),
          " images in all): change the holdout fraction");
  for (const int index : part.indices)
    require(index >= 0 && index < std::ssize(domain.samples), "domain '", domain.name, "' has no image ", index);
  require(transform.image_size > 0, "the image size is ", transform.image_size, "; it must be positive");
  require(batch_size > 0 && batch_size < 1 << 16, "the batch size is ", batch_size, "; it must be 1 to 65535");
}

}  // namespace

std::int64_t sample_position(Sampling sampling, std::uint64_t seed, int domain, std::int64_t step, int element,
                             int batch_size, std::int64_t count) {
  if (sampling == Sampling::kSequential) return (step * batch_size + element) % count;
  RandomStream random = element_stream(seed, "sample", domain, step, element);
  return static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(count)));
}

BatchElement training_element(const DomainIndices& part, bool augment, const LoaderOptions& options, std::int64_t step,
                              int element) {
  const std::int64_t position = sample_position(options.sampling, options.seed, part.domain, step, element,
                                                options.batch_size, std::ssize(part.indices));
  BatchElement result{part.domain, part.indices[static_cast<std::size_t>(position)], std::nullopt};
  if (augment) result.random = element_stream(options.seed, "augment", part.domain, step, element);
  return result;
}

BatchElement evaluation_element(const DomainIndices& part, const EvalAugmentation& augmentation, std::int64_t element) {
  BatchElement result{part.domain, part.indices[static_cast<std::size_t>(element)], std::nullopt};
  if (augmentation.seed) result.random = image_stream(augmentation, part.domain, result.index);
  return result;
}

BatchLoader::BatchLoader(const ImageCache& cache, std::vector<DomainIndices> domains, const TransformSpec& transform,
                         const LoaderOptions& options) {
  require(!domains.empty(), "there is no domain to train on");
  require(options.start_step >= 0, "the first step is ", options.start_step, "; it must be 0 or more");
  if (transform.augment) check_augmentable(cache);
  for (const DomainIndices& part : domains) check_part(cache, part, transform, options.batch_size);
  const auto count = static_cast<int>(domains.size());

  auto open = [=](std::int64_t, Prefetcher::Slot& slot) {
    slot.resize(static_cast<std::size_t>(count));
    for (HostBatch& batch : slot) resize_batch(batch, options.batch_size, transform);
    return count * options.batch_size;
  };
  auto fill = [=, &cache, domains = std::move(domains), normaliser = Normaliser(transform)](
                  std::int64_t offset, int item, Prefetcher::Slot& slot) {
    const int element = item % options.batch_size;
    const DomainIndices& part = domains[item / options.batch_size];
    write_element(cache, training_element(part, transform.augment, options, options.start_step + offset, element),
                  element, transform, normaliser, slot[item / options.batch_size]);
  };
  prefetcher_ = std::make_unique<Prefetcher>(std::move(open), std::move(fill), options.threads, options.steps_ahead);
}

BatchLoader::~BatchLoader() = default;

void BatchLoader::next(std::vector<HostBatch>& batches) { prefetcher_->next(batches); }

EvalReader::EvalReader(const ImageCache& cache, DomainIndices part, const TransformSpec& transform, int batch_size,
                       int threads, const EvalAugmentation& augmentation)
    : slot_(1) {
  check_part(cache, part, transform, batch_size);
  if (augmentation.seed) check_augmentable(cache);
  const std::int64_t total = std::ssize(part.indices);

  auto open = [=](std::int64_t step, Prefetcher::Slot& slot) {
    const auto count = static_cast<int>(std::clamp<std::int64_t>(total - step * batch_size, 0, batch_size));
    slot.resize(1);
    resize_batch(slot[0], count, transform);
    return count;
  };
  auto fill = [=, &cache, part = std::move(part), normaliser = Normaliser(transform)](std::int64_t step, int element,
                                                                                      Prefetcher::Slot& slot) {
    write_element(cache, evaluation_element(part, augmentation, step * batch_size + element), element, transform,
                  normaliser, slot[0]);
  };
  constexpr int kBatchesAhead = 2;
  prefetcher_ = std::make_unique<Prefetcher>(std::move(open), std::move(fill), threads, kBatchesAhead);
}

EvalReader::~EvalReader() = default;

bool EvalReader::next(HostBatch& batch) {
  std::swap(slot_[0], batch);
  const bool more = prefetcher_->next(slot_);
  std::swap(slot_[0], batch);
  return more;
}

}  // namespace dgsam
