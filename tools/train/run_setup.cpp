#include "tools/train/run_setup.h"

#include <cstdio>
#include <utility>

#include "tools/terminal/progress.h"
#include "tools/train/memory_need.h"

namespace dgsam {

namespace {

constexpr int kEvaluationBatch = 64;

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
  const std::size_t free_at_first = backend.free_bytes();
  build_networks();
  build_method();
  check_memory(free_at_first);
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
  const auto activations_of = [this](int batch_size) {
    const Network network = build_network(model(), network_options(batch_size * domains_per_program()));
    return plan_memory(network.graph, MemoryMode::shared, backend.is_asynchronous()).bytes;
  };
  require_memory({.activations = arena_->bytes(),
                  .vectors = free_at_first - free - batch_bytes,
                  .batches = batch_bytes,
                  .scratch = backend.scratch_to_come(),
                  .batch_size = config.batch_size,
                  .activations_of = activations_of},
                 free);
}

void RunSetup::read_images() {
  const auto ram_bytes = static_cast<std::size_t>(config.cache_gb * 1e9);
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
