// Streams of batches: endless ones for training, one pass for evaluation. Both prepare ahead on their own threads.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "data/image_cache.h"
#include "data/transform.h"

namespace dgsam {

enum class Sampling {
  kRandom,     // i.i.d. with replacement, uniform over the indices (DomainBed)
  kSequential  // batch t is the next batch_size indices in their order, wrapping around
};

/// Position in a list of `count` indices of element `element` of the batch of `domain` (environment id) at `step`.
/// A pure function of its arguments.
std::int64_t sample_position(Sampling sampling, std::uint64_t seed, int domain, std::int64_t step, int element,
                             int batch_size, std::int64_t count);

/// The part of one domain that a stream reads: an environment id and indices into its samples.
struct DomainIndices {
  int domain = 0;
  std::vector<int> indices;
};

struct LoaderOptions {
  int batch_size = 32;  // per domain; below 65536
  Sampling sampling = Sampling::kRandom;
  std::uint64_t seed = 0;
  std::int64_t start_step = 0;  // a resumed run continues the stream here
  int threads = 2;
  int steps_ahead = 4;  // batches prepared before they are asked for; bounds memory
};

/// How DomainBed's first release validates: on images of the source domains that go through the training transform.
struct EvalAugmentation {
  std::optional<std::uint64_t> seed;  // none: the evaluation transform
  std::int64_t draw = 0;              // below 2^24. Another number (the step) draws anew for the same images
};

/// One element of a batch: an image, and what its augmentation is drawn from; none: the evaluation transform.
struct BatchElement {
  int domain = 0, index = 0;
  std::optional<RandomStream> random;
};

/// Element `element` of the training batch of `part` at `step`, and of an evaluation of `part`. Pure functions.
BatchElement training_element(const DomainIndices& part, bool augment, const LoaderOptions& options, std::int64_t step,
                              int element);
BatchElement evaluation_element(const DomainIndices& part, const EvalAugmentation& augmentation, std::int64_t element);

class Prefetcher;

/// The training stream: at every step one batch per domain. What it yields depends on the cache's folder, `domains`,
/// `transform`, the seed and the step, never on threads or timing; and a domain's batches do not depend on which other
/// domains are in the list.
class BatchLoader {
 public:
  /// `cache` must outlive the loader, and hold images at their own size if `transform.augment`.
  /// Throws Error for a cache of resized images then, an empty domain list, empty indices, or sizes not positive.
  BatchLoader(const ImageCache& cache, std::vector<DomainIndices> domains, const TransformSpec& transform,
              const LoaderOptions& options);
  ~BatchLoader();

  /// Replaces `batches` by those of the next step, in the order of `domains`. The vectors handed in are reused for a
  /// later step, so a loop that passes the same variable allocates nothing after warm-up.
  /// Rethrows what a worker threw (an undecodable file).
  void next(std::vector<HostBatch>& batches);

 private:
  std::unique_ptr<Prefetcher> prefetcher_;
};

/// One pass over a part of a domain in order, by the evaluation transform, whatever `transform.augment` says.
class EvalReader {
 public:
  /// `cache` must outlive the reader, and hold images at their own size to augment. An augmented image is a pure
  /// function of (seed, draw, domain, index).
  EvalReader(const ImageCache& cache, DomainIndices part, const TransformSpec& transform, int batch_size, int threads,
             const EvalAugmentation& augmentation = {});
  ~EvalReader();

  /// Replaces `batch` by the next one (the last may be short) and returns true; false after the last.
  bool next(HostBatch& batch);

 private:
  std::unique_ptr<Prefetcher> prefetcher_;
  std::vector<HostBatch> slot_;
};

}  // namespace dgsam
