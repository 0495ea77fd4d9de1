#include "tools/train/run_setup.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "engine/core/limits.h"
#include "tools/terminal/progress.h"
#include "tools/train/memory_need.h"

namespace dgsam {

namespace {

constexpr int kEvaluationBatch = 64;

/// Host memory for what is not known beforehand: convolutions' scratch memory, images being decoded, code.
constexpr std::size_t kHostScratch = std::size_t{64} << 20;

}  // namespace

RunSetup::RunSetup(const TrainConfig& configuration)
    : config(configuration),
      data(config),
      where(config),
      backend(where.get()),
      arena_(std::make_shared<Arena>(backend)),
      // With batch statistics, a mean over domains normalises over all their images together (DomainBed concatenates
      // them). With frozen ones it is the mean of S small passes, which need a fraction of the memory.
      domains_together_(!config.freeze_bn && !takes_single_domains(config.algorithm) && data.source_count() > 1) {
  require_threads(2 * threads());  // those that compute and those that read
  const std::size_t free_at_first = backend.free_bytes();
  const std::optional<std::size_t> host_free_at_first = available_memory();
  build_networks();
  build_method();
  if (free_at_first == Backend::kUnknownBytes) {
    check_host_memory(host_free_at_first);
  } else {
    check_memory(free_at_first);
  }
  read_images();
}

NetworkOptions RunSetup::network_options(int batch_size) const {
  NetworkOptions options;
  options.batch = batch_size;
  options.image_size = config.image_size;
  options.activation = config.activation();
  options.adapt_to(backend);
  options.batch_norm = config.freeze_bn ? BatchNormMode::frozen : BatchNormMode::batch;
  options.bn.running = config.bn_running;
  options.dropout = config.dropout;
  return options;
}

void RunSetup::build_networks() {
  Network network = build_network(model(), network_options(config.batch_size * domains_per_program()));
  theta = FlatVector(backend, network.graph.theta_layout(), network.graph.master());
  statistics = FlatVector(backend, network.graph.statistic_layout(), network.graph.master());
  const NetworkGradientOptions options{
      .domains = data.source_count(), .domains_together = domains_together_, .seed = config.seed};
  gradient = std::make_unique<NetworkGradient>(backend, std::move(network), arena_, statistics, options);
  evaluator = std::make_unique<Evaluator>(backend, model(), network_options(kEvaluationBatch), arena_);
}

void RunSetup::build_method() {
  const int domains = data.source_count();
  optimizer = make_base_optimizer(backend, theta, config.optimizer);
  method = make_method(backend, *optimizer, theta, domains, method_options(config, domains));
  method->set_recording(config.recording && !config.profile);
  if (config.swad) swad = std::make_unique<Swad>(backend, theta, config.swad_tolerance);
  if (config.average == WeightAveraging::moving)
    moving = std::make_unique<MovingAverage>(backend, theta, config.average_from);
}

void RunSetup::check_memory(std::size_t free_at_first) const {
  const std::size_t free = backend.free_bytes();
  const std::size_t batch_bytes = gradient->batches_bytes();
  require_memory({.activations = arena_->bytes(),
                  .vectors = free_at_first - free - batch_bytes,
                  .batches = batch_bytes,
                  .scratch = backend.scratch_to_come(),
                  .batch_size = config.batch_size,
                  .activations_of = [this](int batch_size) { return activations_of(batch_size); }},
                 free);
}

void RunSetup::check_host_memory(std::optional<std::size_t> free_at_first) const {
  const std::optional<std::size_t> allocated = where.host_bytes();
  if (!free_at_first || !allocated) return;
  const std::size_t batch_bytes = gradient->batches_bytes(), prepared = prepared_batches();
  require_memory({.activations = arena_->bytes(),
                  .vectors = *allocated - batch_bytes,
                  .batches = batch_bytes + prepared,
                  .scratch = saved_state() + kHostScratch,
                  .batch_size = config.batch_size,
                  .activations_of = [this](int batch_size) { return activations_of(batch_size); },
                  .on_host = true},
                 *free_at_first - std::min(*free_at_first, *allocated + prepared));
}

std::size_t RunSetup::activations_of(int batch_size) const {
  const Network network = build_network(model(), network_options(batch_size * domains_per_program()));
  const bool beside = backend.is_asynchronous();
  return std::max(plan_memory(network.graph, MemoryMode::shared, beside).bytes,
                  plan_memory(evaluator->graph(), MemoryMode::shared, beside).bytes);
}

std::size_t RunSetup::prepared_batches() const {
  const auto count = static_cast<std::size_t>(config.batch_size) * static_cast<std::size_t>(data.source_count());
  return count * image_values(data.transform) * sizeof(float) *
         static_cast<std::size_t>(LoaderOptions().steps_ahead + 1);
}

std::size_t RunSetup::saved_state() const {
  std::size_t bytes = theta.all().bytes() + statistics.all().bytes();
  for (const BaseOptimizer::State& state : optimizer->state()) bytes += state.vector->all().bytes();
  if (swad) {
    for (const Swad::NamedVector& named : swad->vectors()) bytes += named.vector->all().bytes();
  }
  if (moving) bytes += moving->vector().all().bytes();
  return bytes;
}

void RunSetup::read_images() {
  const auto wanted = static_cast<std::size_t>(config.cache_gb * 1e9);
  std::size_t ram_bytes = wanted;
  if (const std::optional<std::size_t> available = available_memory(); available && config.cache != "none") {
    std::size_t spoken_for = prepared_batches() + saved_state() + kHostScratch;
    // What is allocated takes no memory before it is written to.
    if (const std::optional<std::size_t> allocated = where.host_bytes()) spoken_for += arena_->bytes() + *allocated;
    ram_bytes = std::min(wanted, *available - std::min(*available, spoken_for));
  }
  images = std::make_unique<RunImages>(
      data.folder, data.transform,
      RunImagesOptions{.cache = config.cache, .ram_bytes = ram_bytes, .threads = threads()});
  const ImageCache& cache = images->cache();
  ProgressBar progress("Reading images", cache.total_images());
  images->fill(backend, arena_->bytes() + backend.scratch_to_come(),
               [&](std::int64_t done, std::int64_t) { progress.set(done); });
  progress.finish();
  if (!images->note().empty()) std::fprintf(stderr, "note: %s\n", images->note().c_str());
  std::fprintf(stderr, "Images: %s\n", images->text().c_str());
  const CacheContents kept = cache.contents();
  if (ram_bytes < wanted && !images->device() && kept.compressed.images + kept.on_disk.images > 0) {
    std::fprintf(stderr, "note: --cache-gb %g: memory has room for %.2f GB of images beside the network\n",
                 config.cache_gb, static_cast<double>(ram_bytes) / 1e9);
  }
  const double disk_bytes = cache.disk_bytes_per_image(data.sources);
  if (disk_bytes > 0) {
    std::fprintf(stderr, "Training reads %.0f kB per image from disk: %.0f MB/s for 1,000 images/s; see --cache\n",
                 disk_bytes / 1e3, disk_bytes / 1e3);
  }
  const std::vector<std::filesystem::path> truncated = cache.truncated_files();
  if (!truncated.empty()) {
    std::fprintf(stderr, "note: %zu images end early, such as %s; `dgsam-run data check` lists them\n",
                 truncated.size(), truncated.front().c_str());
  }
}

std::unique_ptr<TrainingBatches> RunSetup::training_batches(std::int64_t from_step) const {
  return make_training_batches(*images, data.training_parts(),
                               {.batch_size = config.batch_size,
                                .sampling = config.sampler,
                                .seed = config.seed,
                                .start_step = from_step,
                                .threads = threads()});
}

}  // namespace dgsam
