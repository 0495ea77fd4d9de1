// bench: the time of one training step on random images in memory. tools/compare_torch.py runs it beside PyTorch.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/core/rng.h"
#include "engine/make_backend.h"
#include "models/parameters.h"
#include "optim/program_gradient.h"
#include "tools/peaks.h"
#include "tools/profile_table.h"
#include "tools/train_config.h"
#include "tools/versions.h"

namespace dgsam {
namespace {

constexpr int kBenchClasses = 7;  // PACS

struct BenchOptions {
  TrainConfig train;  ///< model, sizes, precision, method: those of its fields that the flags below set
  int domains = 1;
  int warmup = 2;
  int steps = 3;
  bool json = false, interactive = false, profile = false;
};

/// A network, a method and one batch of random images per domain.
class StepBench {
 public:
  explicit StepBench(const BenchOptions& options)
      : domains_(options.domains),
        batch_(options.train.batch_size),
        backend_(make_backend(options.train.device, backend_options(options.train))) {
    const TrainConfig& config = options.train;
    // Batch statistics of a mean over domains are those of all their images together; else one domain at a time.
    const bool together = !config.freeze_bn && config.algorithm != "dgsam";
    NetworkOptions network_options;
    network_options.batch = together ? domains_ * batch_ : batch_;
    network_options.image_size = config.image_size;
    network_options.activation = config.activation();
    network_options.adapt_to(*backend_);
    network_options.batch_norm = config.freeze_bn ? BatchNormMode::frozen : BatchNormMode::batch;
    Network network = build_network(config.model_spec(kBenchClasses), network_options);
    const Value loss = network.loss;
    program_ = std::make_unique<Program>(std::move(network.graph), *backend_, std::make_shared<Arena>(*backend_));
    const Graph& graph = program_->graph();
    theta_ = FlatVector(*backend_, graph.theta_layout(), graph.master());
    statistics_ = FlatVector(*backend_, graph.statistic_layout(), graph.master());
    initialise(graph, *backend_, theta_, 0);
    initialise_statistics(graph, *backend_, statistics_);
    optimizer_ = make_base_optimizer(*backend_, theta_, config.optimizer);
    method_ = make_method(*backend_, *optimizer_, theta_, domains_, method_options(config, domains_));
    const LossProgram loss_program{program_.get(), loss}, none;
    gradient_ = std::make_unique<ProgramGradient>(*backend_, together ? none : loss_program,
                                                  together ? loss_program : none, &statistics_, domains_, 0);
    draw_batches(graph.type(network.images).elements() / network_options.batch);
  }

  /// Milliseconds of one step: the copy of the images to the device, all passes and the update.
  double step() {
    const auto start = std::chrono::steady_clock::now();
    for (int domain = 0; domain < domains_; ++domain) {
      const auto d = static_cast<std::size_t>(domain);
      gradient_->stage(domain, images_[d].data(), labels_[d].data());
    }
    method_->step(steps_, theta_, *gradient_);
    backend_->synchronize();
    const std::chrono::duration<double, std::milli> elapsed = std::chrono::steady_clock::now() - start;
    ++steps_;
    return elapsed.count();
  }
  std::vector<double> run(int count) {
    std::vector<double> milliseconds;
    for (int i = 0; i < count; ++i) milliseconds.push_back(step());
    return milliseconds;
  }

  /// Throws Error when the losses of the last step are not finite: then its time means nothing.
  void check() const {
    std::vector<std::string> names;
    for (int domain = 0; domain < domains_; ++domain) names.push_back(std::to_string(domain));
    require_finite(method_->report(), steps_ - 1, names);
  }
  Program& program() { return *program_; }
  std::string backend_name() const { return backend_->name(); }
  int domain_gradients() const { return method_->domain_gradients(); }
  int images_per_step() const { return method_->domain_gradients() * batch_; }
  double arena_mb() const { return static_cast<double>(program_->arena_bytes()) / 1e6; }

 private:
  void draw_batches(std::int64_t image_elements) {
    for (int domain = 0; domain < domains_; ++domain) {
      RandomStream random(0, "bench", static_cast<std::uint64_t>(domain));
      images_.emplace_back(static_cast<std::size_t>(batch_ * image_elements));
      for (float& value : images_.back()) value = static_cast<float>(random.uniform(-2, 2));
      labels_.emplace_back(static_cast<std::size_t>(batch_));
      for (std::int32_t& label : labels_.back()) label = static_cast<std::int32_t>(random.below(kBenchClasses));
    }
  }

  int domains_, batch_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Program> program_;
  FlatVector theta_, statistics_;
  std::unique_ptr<BaseOptimizer> optimizer_;
  std::unique_ptr<Method> method_;
  std::unique_ptr<ProgramGradient> gradient_;
  std::vector<std::vector<float>> images_;
  std::vector<std::vector<std::int32_t>> labels_;
  std::int64_t steps_ = 0;
};

/// Answers every line "steps K" with one line {"ms": [K numbers]}, until the input ends.
void serve(StepBench& bench) {
  for (std::string line; std::getline(std::cin, line);) {
    int count = 0;
    require(std::sscanf(line.c_str(), "steps %d", &count) == 1 && count > 0, "bench reads lines \"steps K\", not \"",
            line, "\"");
    std::cout << nlohmann::json{{"ms", bench.run(count)}} << std::endl;
    bench.check();
  }
}

void report(StepBench& bench, const BenchOptions& options, const std::vector<double>& milliseconds) {
  if (options.json) {
    std::cout << nlohmann::ordered_json{{"ms", milliseconds},
                                        {"images_per_step", bench.images_per_step()},
                                        {"domain_gradients", bench.domain_gradients()},
                                        {"gflop_per_pass", bench.program().flops() / 1e9},
                                        {"peak_rss_mb", peak_memory_mb()},
                                        {"arena_mb", bench.arena_mb()}}
              << std::endl;
    return;
  }
  const double best = *std::min_element(milliseconds.begin(), milliseconds.end());
  std::printf("%s, %s, %s, %d x %d images of %d pixels, batch norm %s, on %s\n", options.train.model.c_str(),
              options.train.precision.c_str(), options.train.algorithm.c_str(), options.domains,
              options.train.batch_size, options.train.image_size,
              options.train.freeze_bn ? "frozen" : "with batch statistics", bench.backend_name().c_str());
  std::printf("ms per step:");
  for (const double ms : milliseconds) std::printf(" %.1f", ms);
  std::printf("\nbest %.1f ms: %.1f images/s through forward and backward; %d gradients of one batch per step\n", best,
              1e3 * bench.images_per_step() / best, bench.domain_gradients());
  std::printf("peak memory %.0f MB, of which arena %.0f MB\n", peak_memory_mb(), bench.arena_mb());
}

void run_step(const BenchOptions& options) {
  StepBench bench(options);
  bench.run(options.warmup);
  if (options.interactive) return serve(bench);
  bench.program().set_profiling(options.profile);
  const std::vector<double> milliseconds = bench.run(options.steps);
  bench.check();
  report(bench, options, milliseconds);
  if (!options.profile) return;
  const MachinePeaks peaks = measure_peaks(std::max(1, options.train.threads));
  std::printf("\n%s\n%s", profile_table(bench.program(), peaks).c_str(),
              profile_table(bench.program(), peaks, ProfileRows::layers).c_str());
}

void add_switch(CLI::App& command, const std::string& flag, bool& value, const std::string& help) {
  command
      .add_option_function<std::string>(
          flag, [&value](const std::string& word) { value = word == "on"; }, help)
      ->check(CLI::IsMember({"on", "off"}))
      ->default_str(value ? "on" : "off");
}

void add_step_command(CLI::App& app, BenchOptions& options) {
  CLI::App* command = app.add_subcommand("step", "Times whole training steps: images to the device, passes, Adam");
  TrainConfig& train = options.train;
  const auto positive = CLI::Range(1, 1 << 20);
  const auto words = [](std::vector<std::string> allowed) { return CLI::IsMember(std::move(allowed)); };
  command->add_option("--model", train.model)
      ->check(words({"resnet18", "resnet50", "mnist-cnn"}))
      ->capture_default_str();
  command->add_option("--image-size", train.image_size)->check(positive)->capture_default_str();
  command->add_option("--batch-size", train.batch_size, "Images per domain")->check(positive)->capture_default_str();
  command->add_option("--domains", options.domains)->check(positive)->capture_default_str();
  command->add_option("--precision", train.precision)
      ->check(words({"f32", "tf32", "bf16", "f64"}))
      ->capture_default_str();
  command->add_option("--algorithm", train.algorithm)->check(words({"erm", "sam", "dgsam"}))->capture_default_str();
  command->add_option("--threads", train.threads)->check(positive)->capture_default_str();
  command->add_option("--device", train.device)->check(words({"auto", "cpu", "cuda"}))->capture_default_str();
  command->add_option("--warmup", options.warmup, "Untimed steps")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("--steps", options.steps, "Timed steps")->check(positive)->capture_default_str();
  add_switch(*command, "--freeze-bn", train.freeze_bn, "off: batch norm with the batch's statistics");
  add_switch(*command, "--onednn", train.onednn, "off: our own loops instead of oneDNN");
  command->add_flag("--json", options.json, "One line of JSON");
  command->add_flag("--interactive", options.interactive, "Answer lines \"steps K\" with lines of JSON");
  command->add_flag("--profile", options.profile, "Time every operation; the steps are slower then");
  command->callback([&options] { run_step(options); });
}

}  // namespace
}  // namespace dgsam

int main(int argc, char** argv) {
  CLI::App app{"Benchmarks of dgsam on random data", "bench"};
  app.require_subcommand(1);
  dgsam::BenchOptions options;
  options.train.threads = 2;
  dgsam::add_step_command(app, options);
  try {
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench: %s\n", error.what());
    return 1;
  }
}
