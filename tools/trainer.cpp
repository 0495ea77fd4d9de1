#include "tools/trainer.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <limits>
#include <numeric>
#include <thread>
#include <utility>

#include "data/datasets.h"
#include "engine/make_backend.h"
#include "models/parameters.h"
#include "tools/peaks.h"
#include "tools/profile_table.h"
#include "tools/progress.h"
#include "tools/sharpness.h"
#include "tools/versions.h"

namespace dgsam {

namespace {

constexpr int kEvaluationBatch = 64;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

}  // namespace

Trainer::Trainer(const TrainConfig& config) : config_(config), files_(config.out, config.overwrite) {
  open_data();
  backend_ = make_backend(config_.device, {.threads = config_.threads, .onednn = config_.onednn});
  build_networks();
}

Trainer::~Trainer() = default;

int Trainer::threads() const {
  return config_.threads > 0 ? config_.threads : static_cast<int>(std::thread::hardware_concurrency());
}

int Trainer::find_test_env() const {
  if (config_.test_env == "none") return kNoTestEnv;
  std::string known;
  for (int domain = 0; domain < static_cast<int>(folder_.domains.size()); ++domain) {
    if (config_.test_env == domain_name(domain) || config_.test_env == std::to_string(domain)) return domain;
    known += (domain ? ", " : "") + std::to_string(domain) + " " + domain_name(domain);
  }
  fail("--test-env ", config_.test_env, " is no domain of ", folder_.root.string(), ", which has: ", known,
       "; or none, to train on all of them");
}

void Trainer::open_data() {
  folder_ = open_image_folder(dataset_root(find_dataset(config_.dataset), config_.data_dir));
  for (const std::string& note : folder_.notes) std::fprintf(stderr, "note: %s\n", note.c_str());
  test_env_ = find_test_env();
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
  transform_.augment = config_.augment == "standard";
  cache_ = std::make_unique<ImageCache>(folder_, transform_.augment ? 0 : config_.image_size,
                                        static_cast<std::size_t>(config_.cache_gb * 1e9));
  ProgressBar progress("Reading images", cache_->total_images());
  cache_->fill(config_.threads, [&](std::int64_t done, std::int64_t) { progress.set(done); });
  progress.finish();
}

NetworkOptions Trainer::network_options() const {
  NetworkOptions options;
  options.batch = config_.batch_size;
  options.image_size = config_.image_size;
  options.activation = config_.activation();
  options.layout = backend_->preferred_layout(options.activation);
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
  const bool concatenate = !config_.freeze_bn && config_.algorithm != "dgsam" && domains > 1;
  LossProgram batch, all;
  const auto make_program = [&](int images, LossProgram& loss_program) {
    NetworkOptions options = network_options();
    options.batch = images;
    Network network = build_network(model, options);
    auto program = std::make_unique<Program>(std::move(network.graph), *backend_, arena_);
    loss_program = {program.get(), network.loss};
    return program;
  };
  if (concatenate) {
    all_program_ = make_program(domains * config_.batch_size, all);
  } else {
    batch_program_ = make_program(config_.batch_size, batch);
  }
  program_ = concatenate ? all_program_.get() : batch_program_.get();
  const Graph& graph = program_->graph();

  theta_ = FlatVector(*backend_, graph.theta_layout(), graph.master());
  statistics_ = FlatVector(*backend_, graph.statistic_layout(), graph.master());
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

  NetworkOptions evaluation = network_options();
  evaluation.batch = kEvaluationBatch;
  evaluator_ = std::make_unique<Evaluator>(*backend_, model, evaluation, arena_);
  optimizer_ = make_base_optimizer(*backend_, theta_, config_.optimizer);
  method_ = make_method(*backend_, *optimizer_, theta_, domains, method_options(config_, domains));
  gradient_ = std::make_unique<ProgramGradient>(*backend_, batch, all, &statistics_, domains, config_.seed);

  files_.begin();
  files_.write("program.txt", program_->dump());
  write_config(notes);
}

void Trainer::write_config(const std::vector<std::string>& notes) const {
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
  json["backend"] = backend_->name();
  json["cpu"] = cpu_name();
  json["parameters"] = theta_.layout().parameters();
  json["arena_mb"] = static_cast<double>(arena_->bytes()) / 1e6;
  json["notes"] = notes;
  for (const auto& [name, version] : versions()) json["versions"][name] = version;
  files_.write_json("config.json", json);
}

void Trainer::save(const std::string& name, std::int64_t step) const {
  nlohmann::ordered_json normalisation{{"mean", transform_.mean}, {"std", transform_.std}};
  save_weights(files_.path(name), program_->graph(), *backend_, theta_, statistics_,
               {{"config", config_.to_json().dump()},
                {"step", std::to_string(step)},
                {"classes", nlohmann::ordered_json(folder_.classes).dump()},
                {"normalisation", normalisation.dump()},
                {"revision", versions()[1].second}});
}

void Trainer::run() {
  std::vector<DomainIndices> parts;
  for (const int domain : sources_) parts.push_back({domain, splits_[static_cast<std::size_t>(domain)].in});
  BatchLoader loader(*cache_, std::move(parts), transform_,
                     {.batch_size = config_.batch_size,
                      .sampling = config_.sampler == "random" ? Sampling::kRandom : Sampling::kSequential,
                      .seed = config_.seed,
                      .threads = threads()});
  if (config_.profile) program_->set_profiling(true);

  std::vector<HostBatch> batches;
  ProgressBar progress(method_->name() == "erm" ? "ERM" : method_->name() == "sam" ? "SAM" : "DGSAM", config_.steps);
  for (std::int64_t step = 0; step < config_.steps; ++step) {
    const auto start = std::chrono::steady_clock::now();
    loader.next(batches);
    for (int position = 0; position < static_cast<int>(batches.size()); ++position) {
      const HostBatch& batch = batches[static_cast<std::size_t>(position)];
      gradient_->stage(position, batch.images.data(), batch.labels.data());
    }
    method_->step(step, theta_, *gradient_);
    Step taken{method_->report(), 0};
    taken.seconds = seconds_since(start);
    check_finite(step, taken.report);
    write_metrics(step, taken);
    progress.set(step + 1);
    if (step % config_.eval_every == 0 || step + 1 == config_.steps) {
      progress.pause();
      evaluate(step);
    }
  }
  progress.finish();
  finish();
}

void Trainer::check_finite(std::int64_t step, const StepReport& report) {
  try {
    require_finite(report, step, source_names_);
  } catch (const Error& error) {
    files_.flush();
    fail(error.what(),
         saved_ ? "; the last good checkpoint is " + files_.path("last.safetensors")
                : "; no checkpoint had been written yet",
         ". A smaller --lr or --rho usually helps");
  }
}

void Trainer::write_metrics(std::int64_t step, const Step& taken) {
  const StepReport& report = taken.report;
  nlohmann::ordered_json line{{"step", step}};
  double loss = report.losses[0];
  if (method_->name() == "dgsam") {
    loss = mean(report.losses);
    std::vector<int> domains;
    for (const int position : report.domains) domains.push_back(sources_[static_cast<std::size_t>(position)]);
    line["loss"] = loss;
    line["losses"] = report.losses;
    line["domains"] = domains;
  } else {
    line["loss"] = loss;
    if (method_->name() == "sam") line["perturbed_loss"] = report.losses[1];
  }
  line["grad_norms"] = report.norms;
  line["seconds"] = taken.seconds;
  files_.metrics(line);
  loss_sum_ += loss;
  step_seconds_ += taken.seconds;
  training_seconds_ += taken.seconds;
  ++steps_since_;
}

bool Trainer::is_evaluated(int domain, bool in) const {
  const Split& split = splits_[static_cast<std::size_t>(domain)];
  const bool skipped = in && domain != test_env_ && config_.eval_mode == "fast";
  return !skipped && !(in ? split.in : split.out).empty();
}

std::int64_t Trainer::images_to_evaluate() const {
  std::size_t images = 0;
  for (int domain = 0; domain < static_cast<int>(splits_.size()); ++domain) {
    const Split& split = splits_[static_cast<std::size_t>(domain)];
    images += (is_evaluated(domain, true) ? split.in.size() : 0) + (is_evaluated(domain, false) ? split.out.size() : 0);
  }
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(images));
}

void Trainer::evaluate(std::int64_t step) {
  const auto start = std::chrono::steady_clock::now();
  nlohmann::json line{{"step", step},
                      {"loss", loss_sum_ / static_cast<double>(steps_since_)},
                      {"step_time", step_seconds_ / static_cast<double>(steps_since_)},
                      {"mem_gb", peak_memory_mb() / 1e3},
                      {"args", config_.to_json()},
                      {"hparams",
                       {{"lr", config_.optimizer.learning_rate},
                        {"batch_size", config_.batch_size},
                        {"weight_decay", config_.optimizer.weight_decay},
                        {"resnet_dropout", config_.dropout},
                        {"freeze_bn", config_.freeze_bn},
                        {"rho", config_.rho}}}};
  std::string row = "step " + std::to_string(step);
  std::vector<double> validation_accuracy, validation_loss;
  last_accuracy_ = nlohmann::ordered_json::object();
  std::size_t smallest = std::numeric_limits<std::size_t>::max();
  ProgressBar progress("Evaluating", images_to_evaluate());
  for (int domain = 0; domain < static_cast<int>(folder_.domains.size()); ++domain) {
    const Split& split = splits_[static_cast<std::size_t>(domain)];
    const bool source = domain != test_env_;
    if (source) smallest = std::min(smallest, split.in.size());
    row += "  " + domain_name(domain) + (source ? "" : " (unseen)");
    for (const bool in : {true, false}) {
      const std::vector<int>& indices = in ? split.in : split.out;
      if (!is_evaluated(domain, in)) continue;
      const Score score = evaluator_->evaluate(*cache_, {domain, indices}, transform_, theta_, statistics_, threads(),
                                               [&](int images) { progress.advance(images); });
      const std::string key = "env" + std::to_string(domain) + (in ? "_in" : "_out");
      line[key + "_acc"] = score.accuracy;
      line[key + "_loss"] = score.loss;
      last_accuracy_[key] = score.accuracy;
      if (source && !in) {
        validation_accuracy.push_back(score.accuracy);
        validation_loss.push_back(score.loss);
      }
      if (source != in) {
        char text[16];
        std::snprintf(text, sizeof text, " %.3f", score.accuracy);
        row += text;
      }
    }
  }
  progress.pause();
  line["epoch"] = static_cast<double>(step) * config_.batch_size / static_cast<double>(smallest);
  line["eval_time"] = seconds_since(start);
  if (!validation_accuracy.empty()) {
    line["val_acc"] = mean(validation_accuracy);
    line["val_loss"] = mean(validation_loss);
  }
  files_.results(line);
  std::printf("%s\n", row.c_str());
  std::fflush(stdout);

  save("last.safetensors", step);
  saved_ = true;
  const double validation = validation_accuracy.empty() ? static_cast<double>(step) : mean(validation_accuracy);
  if (!best_validation_ || validation > *best_validation_) {
    best_validation_ = validation;
    save("best.safetensors", step);
  }
  loss_sum_ = step_seconds_ = 0;
  steps_since_ = 0;
}

void Trainer::finish() {
  nlohmann::ordered_json summary{{"algorithm", config_.algorithm}};
  summary["test_env"] = test_env_ == kNoTestEnv ? nlohmann::ordered_json() : nlohmann::ordered_json(test_env_);
  summary["domains"] = nlohmann::ordered_json::array();
  for (const Domain& domain : folder_.domains) summary["domains"].push_back(domain.name);
  summary["seconds"] = training_seconds_;
  summary["steps"] = config_.steps;
  summary["domain_gradients"] = config_.steps * method_->domain_gradients();
  summary["accuracy"] = last_accuracy_;
  summary["peak_rss_mb"] = peak_memory_mb();
  if (config_.sharpness_images > 0) {
    std::fprintf(stderr, "Measuring sharpness (%d images per domain)\n", config_.sharpness_images);
    std::vector<DomainIndices> parts;
    for (int domain = 0; domain < static_cast<int>(folder_.domains.size()); ++domain) {
      std::vector<int> indices = splits_[static_cast<std::size_t>(domain)].in;
      indices.resize(std::min(indices.size(), static_cast<std::size_t>(config_.sharpness_images)));
      parts.push_back({domain, std::move(indices)});
    }
    const Sharpness sharpness =
        one_step_sharpness(*backend_, config_.model_spec(static_cast<int>(folder_.classes.size())), network_options(),
                           arena_, *cache_, parts, sources_, transform_, theta_, statistics_, config_.rho, threads());
    for (std::size_t domain = 0; domain < parts.size(); ++domain) {
      summary["sharpness"][folder_.domains[domain].name] = sharpness.domains[domain];
    }
    summary["sharpness"]["total"] = sharpness.total;
    summary["sharpness_rho"] = config_.rho;
  }
  files_.write_json("summary.json", summary);
  files_.flush();
  files_.write("done", "done");
  if (config_.profile) std::printf("%s", profile_table(*program_, measure_peaks(threads())).c_str());
}

}  // namespace dgsam
