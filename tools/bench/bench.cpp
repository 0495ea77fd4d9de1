// bench: the time of one training step on random images in memory. tools/compare_torch.py and compare_torch_gpu.py run
// it beside PyTorch.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/core/rng.h"
#include "engine/io/elements.h"
#include "engine/io/safetensors.h"
#include "engine/make_backend.h"
#include "models/network_gradient.h"
#include "models/parameters.h"
#include "tools/commands/choice_flag.h"
#include "tools/profile/peaks.h"
#include "tools/profile/profile_table.h"
#include "tools/profile/smoke.h"
#include "tools/profile/step_work.h"
#include "tools/terminal/versions.h"
#include "tools/terminal/waiting.h"
#include "tools/train/train_config.h"

namespace dgsam {
namespace {

constexpr int kBenchClasses = 7;  // PACS
constexpr int kImageChannels = 3;

struct BenchOptions {
  TrainConfig train;  ///< model, sizes, precision, method: those of its fields that the flags below set
  int domains = 1;
  int warmup = 2;
  int steps = 3;
  int rounds = 1;
  bool images_stay = false, side_stream = true;
  std::string export_to;  ///< folder for what another program needs to take the same steps
  bool json = false, interactive = false, profile = false, roofline = false;
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return (values[(values.size() - 1) / 2] + values[values.size() / 2]) / 2;
}

/// Leaves gradients as they are: with it a step is its norms, ascents and update alone.
class NoGradient final : public Gradient {
 public:
  explicit NoGradient(int domains) : domains_(domains) {}
  int domains() const override { return domains_; }
  void begin_step(std::int64_t, std::span<const int>) override {}
  void of_batch(int, const FlatVector&, FlatVector&, Tensor) override {}
  void of_mean(const FlatVector&, FlatVector&, Tensor) override {}

 private:
  int domains_;
};

/// A network, a method and one batch of random images per domain.
class StepBench {
 public:
  explicit StepBench(const BenchOptions& options)
      : config_(options.train),
        records_(config_.recording && !options.profile),
        domains_(options.domains),
        batch_(options.train.batch_size),
        device_(make_backend(options.train.device, backend_options(options.train))),
        rates_(options.roofline ? measure_device_rates(*device_, options.train.activation()) : DeviceRates{}),
        backend_(std::make_unique<BenchBackend>(
            *device_, BenchBackend::Options{.images_stay = options.images_stay, .side_stream = options.side_stream})) {
    const TrainConfig& config = config_;
    // Batch statistics of a mean over domains are those of all their images together; else one domain at a time.
    const bool together = !config.freeze_bn && !takes_single_domains(config.algorithm);
    NetworkOptions network_options;
    network_options.batch = together ? domains_ * batch_ : batch_;
    network_options.image_size = config.image_size;
    network_options.activation = config.activation();
    network_options.adapt_to(*backend_);
    network_options.batch_norm = config.freeze_bn ? BatchNormMode::frozen : BatchNormMode::batch;
    Network network = build_network(config.model_spec(kBenchClasses), network_options);
    theta_ = FlatVector(*backend_, network.graph.theta_layout(), network.graph.master());
    statistics_ = FlatVector(*backend_, network.graph.statistic_layout(), network.graph.master());
    gradient_ = std::make_unique<NetworkGradient>(
        *backend_, std::move(network), std::make_shared<Arena>(*backend_), statistics_,
        NetworkGradientOptions{.domains = domains_, .domains_together = together});
    const Graph& graph = gradient_->graph();
    initialise(graph, *backend_, theta_, 0);
    initialise_statistics(graph, *backend_, statistics_);
    optimizer_ = make_base_optimizer(*backend_, theta_, config.optimizer);
    method_ = make_method(*backend_, *optimizer_, theta_, domains_, method_options(config, domains_));
    method_->set_recording(records_);
    draw_batches(image_type(graph).elements() / network_options.batch);
    if (!options.export_to.empty()) export_to(options.export_to, config.image_size);
    step();
    backend_->synchronize();
    backend_->stop_counting();
  }

  /// Milliseconds of each step: the copy of the images to the device, all passes and the update. A device that queues
  /// is waited for once, after the last step, and every step is given the mean: that is how training runs.
  std::vector<double> run(int count) {
    return time_of(count, [this] { step(); });
  }

  /// The median of what is no pass of a step, measured without the passes: norms, ascents and the update.
  double update_milliseconds() {
    FlatVector theta(*backend_, theta_.shared_layout(), theta_.dtype());
    backend_->copy(theta_.all(), theta.all());
    const auto optimizer = make_base_optimizer(*backend_, theta, config_.optimizer);
    const auto method = make_method(*backend_, *optimizer, theta, domains_, method_options(config_, domains_));
    method->set_recording(records_);
    NoGradient gradient(domains_);
    std::int64_t step = 0;
    const auto take = [&](int count) { return time_of(count, [&] { method->step(step++, theta, gradient); }); };
    take(2);  // the second one is recorded
    return median(take(10));
  }

  /// Throws Error when the losses of the last step are not finite: then its time means nothing.
  void check() const {
    std::vector<std::string> names;
    for (int domain = 0; domain < domains_; ++domain) names.push_back(std::to_string(domain));
    require_finite(method_->report(), steps_ - 1, names);
  }
  /// Of the last step, pass by pass.
  std::vector<double> losses() const { return method_->report().losses; }
  /// What a step takes, and with --roofline the measured ceilings and the time of a step that reaches them.
  nlohmann::ordered_json description() {
    double flops = 0, bytes = 0;
    for (const OperationWork& operation : backend_->work()) {
      flops += operation.flops;
      bytes += operation.bytes;
    }
    nlohmann::ordered_json text{{"device", backend_->name()},
                                {"images_per_step", images_per_step()},
                                {"domain_gradients", domain_gradients()},
                                {"operations_per_step", backend_->work().size()},
                                {"gflop_per_step", flops / 1e9},
                                {"gb_per_step", bytes / 1e9},
                                {"gflop_per_pass", gradient_->program().flops() / 1e9},
                                {"peak_rss_mb", peak_memory_mb()},
                                {"arena_mb", arena_mb()},
                                {"update_ms", update_milliseconds()}};
    if (const std::int64_t launches = method_->recorded_launches()) text["kernels_per_step"] = launches;
    if (rates_.flops_per_second > 0) {
      text["matrix_tflops"] = rates_.flops_per_second / 1e12;
      text["copy_gbs"] = rates_.bytes_per_second / 1e9;
      text["roofline_ms"] = 1e3 * roofline_seconds(backend_->work(), rates_);
    }
    return text;
  }
  Program& program() { return gradient_->program(); }
  std::string backend_name() const { return backend_->name(); }
  int domain_gradients() const { return method_->domain_gradients(); }
  int images_per_step() const { return method_->domain_gradients() * batch_; }
  double arena_mb() const { return static_cast<double>(gradient_->program().arena_bytes()) / 1e6; }

 private:
  std::vector<double> time_of(int count, const std::function<void()>& work) {
    backend_->synchronize();
    const int together = backend_->is_asynchronous() ? count : 1;
    std::vector<double> milliseconds;
    while (static_cast<int>(milliseconds.size()) < count) {
      const auto start = std::chrono::steady_clock::now();
      for (int i = 0; i < together; ++i) work();
      backend_->synchronize();
      const std::chrono::duration<double, std::milli> elapsed = std::chrono::steady_clock::now() - start;
      milliseconds.insert(milliseconds.end(), static_cast<std::size_t>(together), elapsed.count() / together);
    }
    return milliseconds;
  }

  void step() {
    for (int domain = 0; domain < domains_; ++domain) {
      const auto d = static_cast<std::size_t>(domain);
      gradient_->stage(domain, {.pixels = images_[d].data(), .labels = labels_[d]});
    }
    method_->step(steps_++, theta_, *gradient_);
  }

  /// weights.safetensors with PyTorch's names, and batches.safetensors: images.0 [N,H,W,C], labels.0, images.1, ...
  void export_to(const std::string& folder, int size) const {
    save_weights(folder + "/weights.safetensors", gradient_->graph(), *device_, theta_, statistics_);
    std::vector<NamedTensor> tensors;
    for (std::size_t d = 0; d < images_.size(); ++d) {
      const std::string number = std::to_string(d);
      const std::vector<std::int64_t> labels(labels_[d].begin(), labels_[d].end());
      tensors.push_back(
          make_named_tensor<float>("images." + number, "F32", {batch_, size, size, kImageChannels}, images_[d]));
      tensors.push_back(make_named_tensor<std::int64_t>("labels." + number, "I64", {batch_}, labels));
    }
    write_safetensors(folder + "/batches.safetensors", tensors);
  }

  void draw_batches(std::int64_t image_elements) {
    for (int domain = 0; domain < domains_; ++domain) {
      RandomStream random(0, "bench", static_cast<std::uint64_t>(domain));
      images_.emplace_back(static_cast<std::size_t>(batch_ * image_elements));
      for (float& value : images_.back()) value = static_cast<float>(random.uniform(-2, 2));
      labels_.emplace_back(static_cast<std::size_t>(batch_));
      for (std::int32_t& label : labels_.back()) label = static_cast<std::int32_t>(random.below(kBenchClasses));
    }
  }

  TrainConfig config_;
  bool records_;
  int domains_, batch_;
  std::unique_ptr<Backend> device_;
  DeviceRates rates_;
  std::unique_ptr<BenchBackend> backend_;
  FlatVector theta_, statistics_;
  std::unique_ptr<BaseOptimizer> optimizer_;
  std::unique_ptr<Method> method_;
  std::unique_ptr<NetworkGradient> gradient_;
  std::vector<std::vector<float>> images_;
  std::vector<std::vector<std::int32_t>> labels_;
  std::int64_t steps_ = 0;
};

/// Answers every line until the input ends: "steps K" with {"ms": [K numbers], "losses": [of the last step]}, and
/// "describe" with the description.
void serve(StepBench& bench) {
  for (std::string line; std::getline(std::cin, line);) {
    if (line == "describe") {
      std::cout << bench.description() << std::endl;
      continue;
    }
    int count = 0;
    require(std::sscanf(line.c_str(), "steps %d", &count) == 1 && count > 0,
            "bench reads lines \"steps K\" and \"describe\", not \"", line, "\"");
    const std::vector<double> milliseconds = bench.run(count);
    std::cout << nlohmann::json{{"ms", milliseconds}, {"losses", bench.losses()}} << std::endl;
    bench.check();
  }
}

void report(StepBench& bench, const BenchOptions& options, const std::vector<double>& milliseconds) {
  nlohmann::ordered_json text = bench.description();
  if (options.json) {
    text["ms"] = milliseconds;
    text["losses"] = bench.losses();
    std::cout << text << std::endl;
    return;
  }
  const double best = *std::min_element(milliseconds.begin(), milliseconds.end()), middle = median(milliseconds);
  std::printf("%s, %s, %s, %d x %d images of %d pixels, batch norm %s, on %s\n", options.train.model.c_str(),
              word_of(options.train.precision).c_str(), options.train.algorithm.c_str(), options.domains,
              options.train.batch_size, options.train.image_size,
              options.train.freeze_bn ? "frozen" : "with batch statistics", bench.backend_name().c_str());
  std::printf("ms per step:");
  for (const double ms : milliseconds) std::printf(" %.1f", ms);
  std::printf(
      "\nmedian %.2f ms, best %.2f ms: %.1f images/s through forward and backward at the median; "
      "%d gradients of one batch per step\n",
      middle, best, 1e3 * bench.images_per_step() / middle, bench.domain_gradients());
  const auto value = [&](const char* key) { return text[key].get<double>(); };
  std::printf("norms, ascents and update alone: %.2f ms, %.1f%% of the median\n", value("update_ms"),
              100 * value("update_ms") / middle);
  if (text.contains("kernels_per_step")) {
    std::printf("a recorded step is %.0f kernels, copies and fills\n", value("kernels_per_step"));
  }
  std::printf("peak memory of the process %.0f MB; arena %.0f MB\n", value("peak_rss_mb"), bench.arena_mb());
  if (!options.roofline) return;
  std::printf("ceilings: %.2f TFLOP/s in a matrix product, %.1f GB/s in a copy\n", value("matrix_tflops"),
              value("copy_gbs"));
  std::printf("a step is %.0f operations, %.1f GFLOP, %.2f GB: %.2f ms at the ceilings, %.0f%% of the median\n",
              value("operations_per_step"), value("gflop_per_step"), value("gb_per_step"), value("roofline_ms"),
              100 * value("roofline_ms") / middle);
}

void run_step(const BenchOptions& options) {
  StepBench bench(options);
  if (options.warmup > 0) bench.run(options.warmup);
  if (options.interactive) return serve(bench);
  bench.program().set_profiling(options.profile);
  std::vector<double> milliseconds;
  for (int round = 0; round < options.rounds; ++round) {
    const std::vector<double> more = bench.run(options.steps);
    milliseconds.insert(milliseconds.end(), more.begin(), more.end());
  }
  bench.check();
  report(bench, options, milliseconds);
  if (!options.profile) return;
  const MachinePeaks peaks = measure_peaks(std::max(1, options.train.threads));
  std::printf("\n%s\n%s", profile_table(bench.program(), peaks).c_str(),
              profile_table(bench.program(), peaks, ProfileRows::layers).c_str());
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
  add_choice(*command, "--precision", train.precision, "");
  command->add_option("--algorithm", train.algorithm)->check(words({"erm", "sam", "dgsam"}))->capture_default_str();
  command->add_option("--threads", train.threads, "0: as many as may run at once")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("--device", train.device)->check(words({"auto", "cpu", "cuda"}))->capture_default_str();
  command->add_option("--warmup", options.warmup, "Untimed steps after the first, which is not timed either")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("--steps", options.steps, "Timed steps")->check(positive)->capture_default_str();
  command->add_option("--rounds", options.rounds, "Times --steps steps are taken")
      ->check(positive)
      ->capture_default_str();
  add_choice(*command, "--domain-order", train.domain_order, "DGSAM's");
  command->add_option("--export", options.export_to, "Write initial weights and batches to this folder")
      ->check(CLI::ExistingDirectory);
  add_choice(*command, "--conv-choice", train.conv_choice, "A GPU's algorithms: measured, or the libraries' first");
  add_switch(*command, "--recording", train.recording, "off: a GPU is given every operation anew");
  add_switch(*command, "--side-stream", options.side_stream, "off: a GPU does one operation after the other");
  add_switch(*command, "--images-stay", options.images_stay, "on: images are in a GPU's memory before the steps");
  add_switch(*command, "--freeze-bn", train.freeze_bn, "off: batch norm with the batch's statistics");
  add_switch(*command, "--onednn", train.onednn, "off: our own loops instead of oneDNN");
  command->add_flag("--roofline", options.roofline, "Measure the device's ceilings and say what they allow");
  command->add_flag("--json", options.json, "One line of JSON");
  command->add_flag("--interactive", options.interactive,
                    "Answer lines \"steps K\" and \"describe\" with lines of JSON");
  command->add_flag("--profile", options.profile, "Time every operation; the steps are slower then");
  command->callback([&options] { run_step(options); });
}

}  // namespace
}  // namespace dgsam

int main(int argc, char** argv) {
  dgsam::wait_politely(argv);
  CLI::App app{"Benchmarks of dgsam on random data", "bench"};
  app.require_subcommand(1);
  dgsam::BenchOptions options;
  options.train.threads = 2;
  dgsam::add_step_command(app, options);
  app.add_subcommand("smoke", "Whether the GPU computes what the CPU computes, in a few seconds")->callback([] {
    const dgsam::SmokeResult result =
        dgsam::smoke_test(*dgsam::make_backend("cuda", {.measure = false}), *dgsam::make_backend("cpu"));
    std::printf("%s", result.text.c_str());
    dgsam::require(result.passed, "the smoke test failed");
  });
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
