#include "tools/train/trainer.h"

#include <cstdio>
#include <fstream>
#include <utility>

#include "data/datasets.h"
#include "engine/make_backend.h"
#include "models/parameters.h"
#include "tools/terminal/progress.h"
#include "tools/terminal/versions.h"
#include "tools/train/memory_need.h"

namespace dgsam {

namespace {

constexpr int kEvaluationBatch = 64;

}  // namespace

Trainer::Trainer(const TrainConfig& config)
    : config_(config),
      files_(config.out, config.resume      ? RunFiles::Existing::resume
                         : config.overwrite ? RunFiles::Existing::replace
                                            : RunFiles::Existing::refuse) {
  open_data();
  backend_ = make_backend(config_.device, backend_options(config_));
  const bool tf32 = config_.precision == "tf32";
  if (tf32 && backend_->name().starts_with("cpu")) {
    std::fprintf(stderr, "note: --precision tf32: the CPU has no TF32 and computes in f32\n");
  }
  if (config_.backend_check > 0) {
    // A GPU's reference is the CPU at its fastest; the CPU's own are the loops without a library.
    reference_ = make_backend("cpu", {.threads = config_.threads, .onednn = backend_->is_asynchronous()});
    device_ = std::move(backend_);
    auto compare = std::make_unique<CompareBackend>(*device_, *reference_, tf32);
    compare_ = compare.get();
    backend_ = std::move(compare);
  }
  build_networks();
  open_images();
  if (!files_.resumes() || !resume()) start();
}

Trainer::~Trainer() = default;

void Trainer::open_data() {
  folder_ = open_image_folder(dataset_root(find_dataset(config_.dataset), config_.data_dir));
  for (const std::string& note : folder_.notes) std::fprintf(stderr, "note: %s\n", note.c_str());
  std::fprintf(stderr, "%s\n", verify_known(folder_, find_dataset(config_.dataset)).c_str());
  test_env_ = find_test_env(folder_, config_.test_env);
  for (int domain = 0; domain < static_cast<int>(folder_.domains.size()); ++domain) {
    const auto count = static_cast<std::int64_t>(folder_.domains[static_cast<std::size_t>(domain)].samples.size());
    splits_.push_back(split_indices(count, config_.holdout, config_.trial_seed, domain));
    if (domain == test_env_) continue;
    require(!splits_.back().in.empty(), "domain ", domain_name(domain), " has ", count,
            " images, of which none is left to train on with --holdout ", config_.holdout);
    sources_.push_back(domain);
    source_names_.push_back(domain_name(domain));
  }
  require(!sources_.empty(), folder_.root.string(),
          " has one domain only, and --test-env leaves it out: there is "
          "nothing to train on");
  transform_.image_size = config_.image_size;
  transform_.channels = config_.channels;
  if (config_.normalise == "none") {
    transform_.mean = {0, 0, 0};
    transform_.std = {1, 1, 1};
  }
  transform_.augment = config_.augment == "standard";
}

void Trainer::open_images() {
  images_ = std::make_unique<RunImages>(
      folder_, transform_,
      RunImagesOptions{
          .cache = config_.cache, .ram_bytes = static_cast<std::size_t>(config_.cache_gb * 1e9), .threads = threads()});
  const ImageCache& cache = images_->cache();
  ProgressBar progress("Reading images", cache.total_images());
  images_->fill(*backend_, arena_->bytes() + backend_->scratch_to_come(),
                [&](std::int64_t done, std::int64_t) { progress.set(done); });
  progress.finish();
  if (!images_->note().empty()) std::fprintf(stderr, "note: %s\n", images_->note().c_str());
  std::fprintf(stderr, "Images: %s\n", images_->text().c_str());
  const double disk_bytes = cache.disk_bytes_per_image(sources_);
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

NetworkOptions Trainer::network_options() const {
  NetworkOptions options;
  options.batch = config_.batch_size;
  options.image_size = config_.image_size;
  options.activation = config_.activation();
  options.adapt_to(*backend_);
  options.batch_norm = config_.freeze_bn ? BatchNormMode::frozen : BatchNormMode::batch;
  options.bn.running = running_statistics(config_);
  options.dropout = config_.dropout;
  return options;
}

void Trainer::build_networks() {
  const ModelSpec model = config_.model_spec(static_cast<int>(folder_.classes.size()));
  const int domains = static_cast<int>(sources_.size());
  arena_ = std::make_shared<Arena>(*backend_);

  // With batch statistics, a mean over domains normalises over all their images together (DomainBed concatenates
  // them). With frozen ones it is the mean of S small passes, which need a fraction of the memory.
  const std::size_t free_at_first = backend_->free_bytes();
  const bool concatenate = !config_.freeze_bn && config_.algorithm != "dgsam" && domains > 1;
  NetworkOptions training = network_options();
  if (concatenate) training.batch *= domains;
  Network network = build_network(model, training);
  theta_ = FlatVector(*backend_, network.graph.theta_layout(), network.graph.master());
  statistics_ = FlatVector(*backend_, network.graph.statistic_layout(), network.graph.master());
  gradient_ = std::make_unique<NetworkGradient>(
      *backend_, std::move(network), arena_, statistics_,
      NetworkGradientOptions{.domains = domains, .domains_together = concatenate, .seed = config_.seed});
  program_ = &gradient_->program();
  NetworkOptions evaluation = network_options();
  evaluation.batch = kEvaluationBatch;
  evaluator_ = std::make_unique<Evaluator>(*backend_, model, evaluation, arena_);
  optimizer_ = make_base_optimizer(*backend_, theta_, config_.optimizer);
  method_ = make_method(*backend_, *optimizer_, theta_, domains, method_options(config_, domains));
  method_->set_recording(config_.recording && !config_.profile);
  if (config_.swad) swad_ = std::make_unique<Swad>(*backend_, theta_, config_.swad_tolerance);

  const std::size_t free = backend_->free_bytes();
  const std::size_t batch_bytes = gradient_->batches_bytes();
  require_memory({.activations = arena_->bytes(),
                  .vectors = free_at_first - free - batch_bytes,
                  .batches = batch_bytes,
                  .scratch = backend_->scratch_to_come(),
                  .batch_size = config_.batch_size,
                  .activations_of =
                      [&](int batch_size) {
                        NetworkOptions options = network_options();
                        options.batch = concatenate ? domains * batch_size : batch_size;
                        return plan_memory(build_network(model, options).graph, MemoryMode::shared,
                                           backend_->is_asynchronous())
                            .bytes;
                      }},
                 free);
}

void Trainer::start() {
  const Graph& graph = program_->graph();
  initialise(graph, *backend_, theta_, config_.seed);
  initialise_statistics(graph, *backend_, statistics_);
  std::vector<std::string> notes;
  if (!config_.weights.empty()) notes = load_weights(config_.weights, graph, *backend_, theta_, statistics_).notes;
  if (config_.weights.empty() && config_.freeze_bn && statistics_.layout().parameters() > 0) {
    notes.push_back(
        "without --weights, frozen batch norm keeps its initial statistics and normalises nothing: training "
        "will be poor. Give --weights, or train with --freeze-bn off");
  }
  for (const std::string& note : notes) std::fprintf(stderr, "note: %s\n", note.c_str());

  files_.begin();
  if (config_.tensorboard) files_.open_events(0);
  files_.write("program.txt", program_->dump());
  files_.write_json("config.json", describe(notes));
}

nlohmann::ordered_json Trainer::describe(const std::vector<std::string>& notes) const {
  nlohmann::ordered_json json = config_.to_json();
  json["root"] = folder_.root.string();
  json["classes"] = folder_.classes;
  json["domains"] = nlohmann::ordered_json::array();
  for (std::size_t domain = 0; domain < folder_.domains.size(); ++domain) {
    json["domains"].push_back({{"name", folder_.domains[domain].name},
                               {"images", folder_.domains[domain].samples.size()},
                               {"in", splits_[domain].in.size()},
                               {"out", splits_[domain].out.size()}});
  }
  json["mean"] = transform_.mean;
  json["std"] = transform_.std;
  json["images"] = images_->text();
  json["backend"] = backend_->name();
  json["cpu"] = cpu_name();
  json["cpu_threads"] = threads();
  json["parameters"] = theta_.layout().parameters();
  json["arena_mb"] = static_cast<double>(arena_->bytes()) / 1e6;
  json["notes"] = notes;
  for (const auto& [name, version] : versions()) json["versions"][name] = version;
  return json;
}

bool Trainer::resume() {
  const std::string path = files_.path("config.json");
  std::ifstream file(path);
  const auto recorded = nlohmann::ordered_json::parse(file, nullptr, false);
  require(recorded.is_object(), path, " is not a JSON object: the run cannot be resumed; --overwrite starts anew");
  const nlohmann::ordered_json now = describe({});
  for (const char* key : {"classes", "domains", "parameters"}) {
    require(recorded.value(key, nlohmann::ordered_json()) == now[key], "the run in ", files_.folder().string(),
            " was begun with ", key, " ", recorded.value(key, nlohmann::ordered_json()).dump(), ", and now they are ",
            now[key].dump(), ": the data in ", folder_.root.string(), " is not what it was; restore it, or start anew ",
            "with --overwrite");
  }
  for (const char* key : {"cpu", "cpu_threads", "backend", "versions"}) {
    const auto before = recorded.value(key, nlohmann::ordered_json());
    if (before == now[key]) continue;
    std::fprintf(stderr, "note: %s was %s when the run began and is %s now: results may differ by rounding\n", key,
                 before.dump().c_str(), now[key].dump().c_str());
  }

  const auto accept = [this](const std::string& text) {
    RunProgress progress = RunProgress::from_text(text);
    require(progress.steps <= config_.steps, "a saved state has done ", progress.steps, " of ", config_.steps,
            " steps");
    progress_ = std::move(progress);
  };
  const std::string text = load_state(files_.folder(), *backend_, state_vectors(), accept, [](const std::string& note) {
    std::fprintf(stderr, "note: %s\n", note.c_str());
  });
  if (text.empty()) return false;
  optimizer_->set_updates(progress_.updates);
  if (swad_) swad_->restore(progress_.swad);
  files_.resume(progress_.lengths);
  if (config_.tensorboard) files_.open_events(progress_.steps);
  state_steps_ = progress_.steps;
  std::fprintf(stderr, "Resuming %s after %lld of %lld steps\n", files_.folder().c_str(),
               static_cast<long long>(progress_.steps), static_cast<long long>(config_.steps));
  return true;
}

std::vector<StateVector> Trainer::state_vectors() {
  std::vector<StateVector> vectors{{"theta", &theta_}, {"statistics", &statistics_}};
  for (const BaseOptimizer::State& state : optimizer_->state()) vectors.push_back({state.name, state.vector});
  if (swad_) {
    for (const Swad::NamedVector& named : swad_->vectors()) vectors.push_back({named.name, named.vector});
  }
  return vectors;
}

}  // namespace dgsam
