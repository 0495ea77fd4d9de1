#include "tools/measure/checkpoint_surface.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "data/splits.h"
#include "models/parameters.h"
#include "tools/terminal/progress.h"
#include "tools/train/open_data.h"

namespace dgsam {

CheckpointSurface::CheckpointSurface(const Checkpoint& checkpoint, const SurfaceOptions& options)
    : config_(options.data.over(checkpoint.config)) {
  require(options.images > 0, "losses are measured on at least one image per domain, not on ", options.images);
  config_.threads = options.place.threads;
  config_.precision = options.place.precision.value_or(config_.precision);

  folder_ = open_data(config_);
  require_same_data(checkpoint, folder_);
  const int test_env = find_test_env(folder_, config_.test_env);
  std::vector<DomainIndices> parts;
  std::vector<std::size_t> sources;
  for (std::size_t domain = 0; domain < folder_.domains.size(); ++domain) {
    // Only the images to be looked at stay in the folder.
    std::vector<Sample>& samples = folder_.domains[domain].samples;
    const Split split =
        split_domain(folder_.domains[domain], config_.holdout, config_.trial_seed, static_cast<int>(domain));
    require(!split.in.empty(), "domain ", folder_.domains[domain].name, " of ", folder_.root.string(),
            " has no image in its in-split with --holdout ", config_.holdout);
    const std::size_t count = std::min(split.in.size(), static_cast<std::size_t>(options.images));
    std::vector<Sample> chosen;
    DomainIndices part{static_cast<int>(domain), {}};
    for (std::size_t i = 0; i < count; ++i) {
      chosen.push_back(samples[static_cast<std::size_t>(split.in[i])]);
      part.indices.push_back(static_cast<int>(i));
    }
    samples = std::move(chosen);
    folder_.domains[domain].held_out.clear();
    parts.push_back(std::move(part));
    if (static_cast<int>(domain) != test_env) sources.push_back(domain);
  }
  require(!sources.empty(), folder_.root.string(), " has one domain only, and it is left out: there is no total loss");

  backend_ = make_backend(options.place.device, backend_options(config_));
  arena_ = std::make_shared<Arena>(*backend_);
  images_ = std::make_unique<RunImages>(folder_, checkpoint.transform(),
                                        RunImagesOptions{.ram_bytes = static_cast<std::size_t>(config_.cache_gb * 1e9),
                                                         .threads = thread_count(config_.threads)});
  NetworkOptions network;
  network.batch = options.place.batch_size;
  network.image_size = config_.image_size;
  network.activation = config_.activation();
  network.adapt_to(*backend_);
  losses_ = std::make_unique<DomainLosses>(*backend_, config_.model_spec(static_cast<int>(checkpoint.classes.size())),
                                           network, arena_, *images_, parts, statistics_);
  const Graph& graph = losses_->graph();
  statistics_ = FlatVector(*backend_, graph.statistic_layout(), graph.master());
  theta_ = parameters_of(checkpoint.path);
  statistics_loaded_ = true;
  images_->fill(*backend_, arena_->bytes());

  total_ = std::make_unique<MeanLoss>(losses_->mean_of(sources));
  std::int64_t of_sources = 0;
  for (std::size_t domain = 0; domain < parts.size(); ++domain) {
    const bool source = std::find(sources.begin(), sources.end(), domain) != sources.end();
    named_.push_back(
        {folder_.domains[domain].name, source ? "source" : "unseen", &(*losses_)[domain], losses_->images(domain)});
    if (source) of_sources += named_.back().images;
  }
  named_.push_back({"total", "total", total_.get(), of_sources});
}

FlatVector CheckpointSurface::parameters_of(const std::string& path) {
  const Graph& graph = losses_->graph();
  FlatVector theta(*backend_, graph.theta_layout(), graph.master());
  FlatVector others;  // running statistics of another checkpoint
  if (statistics_loaded_) others = FlatVector(*backend_, graph.statistic_layout(), graph.master());
  const LoadReport report = load_weights(path, graph, *backend_, theta, statistics_loaded_ ? others : statistics_);
  for (const std::string& note : report.notes) std::fprintf(stderr, "note: %s\n", note.c_str());
  require(!report.head_reinitialised, path, ": its last layer is not one for the ", folder_.classes.size(),
          " classes of ", folder_.root.string());
  return theta;
}

}  // namespace dgsam
