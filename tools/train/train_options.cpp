// The flags of `dgsam-run train`.
#include <CLI/CLI.hpp>
#include <algorithm>

#include "data/datasets.h"
#include "tools/train/train_config.h"

namespace dgsam {

namespace {

/// A flag that takes one of a few words.
CLI::Option* add_choice(CLI::App& command, const std::string& flag, std::string& value, const std::string& help,
                        std::vector<std::string> words) {
  return command.add_option(flag, value, help)->check(CLI::IsMember(std::move(words)))->capture_default_str();
}

template <class T>
CLI::Option* add_value(CLI::App& command, const std::string& flag, T& value, const std::string& help) {
  return command.add_option(flag, value, help)->capture_default_str();
}

/// on|off. The option's text is converted when it is parsed, so the field itself stays a bool.
void add_switch(CLI::App& command, const std::string& flag, bool& value, const std::string& help,
                const std::string& group) {
  command
      .add_option_function<std::string>(
          flag, [&value](const std::string& text) { value = text == "on"; }, help)
      ->check(CLI::IsMember({"on", "off"}))
      ->default_str(value ? "on" : "off")
      ->group(group);
}

void add_data_options(CLI::App& command, TrainConfig& config) {
  constexpr const char* kGroup = "Data";
  add_choice(command, "--protocol", config.protocol,
             "Defaults of --steps, --eval-every, --eval-mode, --eval-last, --val-augment and --oracle.\n"
             "swad: the SWAD repository's, as in DGSAM's paper; domainbed-2020: DomainBed's first release",
             {"swad", "domainbed-2020"})
      ->group(kGroup);
  std::string datasets = "Which benchmark, or `folder` for any image tree:";
  for (const DatasetSpec& spec : known_datasets()) datasets += "\n  " + spec.name + ": " + spec.what;
  add_value(command, "--dataset", config.dataset, datasets)->group(kGroup);
  add_value(command, "--data-dir", config.data_dir, "The data set's root (root/domain/class/image), or its parent")
      ->group(kGroup);
  add_value(command, "--test-env", config.test_env,
            "The domain left out, by index or name; `none` trains on every domain")
      ->group(kGroup);
  add_value(command, "--trial-seed", config.trial_seed, "Seed of the split of each domain (DomainBed's trial_seed)")
      ->group(kGroup);
  add_value(command, "--holdout", config.holdout, "Fraction of each domain held out of training (the `out` split)")
      ->group(kGroup);
  add_value(command, "--image-size", config.image_size, "Rows and columns of the network's input")->group(kGroup);
  add_value(command, "--channels", config.channels, "Of the network's input: the first of red, green and blue")
      ->group(kGroup);
  add_choice(command, "--normalise", config.normalise,
             "imagenet: subtract ImageNet's mean, divide by its standard deviation; none: pixels in [0, 1]",
             {"imagenet", "none"})
      ->group(kGroup);
  add_choice(command, "--augment", config.augment,
             "Training images: crop, flip, colour jitter and grey as DomainBed does, or only resized",
             {"standard", "none"})
      ->group(kGroup);
  add_choice(command, "--sampler", config.sampler,
             "random: uniform with replacement, as DomainBed; sequential: the split in its order, wrapping around",
             {"random", "sequential"})
      ->group(kGroup);
  add_switch(command, "--val-augment", config.val_augment,
             "Evaluate source domains with the training augmentation (DomainBed of 2020 does)", kGroup);
  add_choice(
      command, "--cache", config.cache,
      "Where images are kept; results do not depend on it.\n"
      "gpu: decoded in device memory, batches are made there; ram: in host memory, see --cache-gb; none: read at\n"
      "each use; auto: gpu with --device cuda if they fit into four fifths of its free memory, else ram",
      {"auto", "gpu", "ram", "none"})
      ->group(kGroup);
  add_value(command, "--cache-gb", config.cache_gb,
            "Host memory for images: decoded as far as it goes, else as the files' bytes; the rest is read at each use")
      ->group(kGroup);
}

void add_model_options(CLI::App& command, TrainConfig& config) {
  constexpr const char* kGroup = "Model";
  add_choice(command, "--model", config.model, "Architecture", {"resnet18", "resnet50", "mnist-cnn"})->group(kGroup);
  add_value(command, "--weights", config.weights,
            "A safetensors file with torchvision's names to start from; a head with another number of classes is "
            "initialised anew")
      ->group(kGroup);
  add_value(command, "--dropout", config.dropout, "Dropout of the pooled features")->group(kGroup);
  add_switch(command, "--freeze-bn", config.freeze_bn,
             "on: batch norm uses the loaded running statistics as constants (the protocol; gamma and beta still "
             "train).\noff: statistics of each batch. Then every pass of DGSAM normalises by the statistics of ONE "
             "domain,\nwhile ERM and SAM see all domains together: not a fair comparison",
             kGroup);
  add_choice(command, "--bn-running", config.bn_running,
             "With --freeze-bn off, which passes of a step move the running statistics. first-pass: not SAM's and "
             "DGSAM's perturbed ones",
             {"first-pass", "every-pass", "never"})
      ->group(kGroup);
}

void add_method_options(CLI::App& command, TrainConfig& config) {
  constexpr const char* kGroup = "Method";
  add_choice(command, "--algorithm", config.algorithm,
             "erm: S gradients per step for S source domains; sam, gsam, sagm: 2S; dgsam: S+1",
             {"erm", "sam", "gsam", "sagm", "dgsam"})
      ->group(kGroup);
  add_choice(command, "--optimizer", config.optimizer.name, "Base optimizer", {"adam", "adamw", "sgd"})->group(kGroup);
  add_value(command, "--lr", config.optimizer.learning_rate, "Learning rate, constant")->group(kGroup);
  add_value(command, "--weight-decay", config.optimizer.weight_decay,
            "Added to the gradient (adam, sgd) or decoupled (adamw); never part of an ascent")
      ->group(kGroup);
  add_value(command, "--momentum", config.optimizer.momentum, "Of sgd")->group(kGroup);
  command.add_flag("--nesterov", config.optimizer.nesterov, "Of sgd")->group(kGroup);
  add_value(command, "--rho", config.rho, "Length of the ascent step of sam, gsam and sagm, and of each of dgsam's")
      ->group(kGroup);
  add_value(command, "--gsam-alpha", config.gsam_alpha,
            "How much of the unperturbed gradient's part that is orthogonal to the perturbed one GSAM subtracts")
      ->group(kGroup);
  add_value(
      command, "--sagm-alpha", config.sagm_alpha,
      "SAGM's ascent step goes back by this much of the gradient (the authors: 1e-3; OfficeHome, DomainNet: 5e-4)")
      ->group(kGroup);
  add_switch(command, "--swad", config.swad,
             "on: with any algorithm, average the weights of every step while the validation loss lies in a valley "
             "(SWAD's\nLossValley); the run ends when the loss has left it, and swad.safetensors has the average",
             kGroup);
  add_value(command, "--swad-tolerance", config.swad_tolerance,
            "The valley's rim: this much above the loss at convergence, as a part of it; VLCS: 0.2")
      ->group(kGroup);
  add_value(command, "--swad-statistics", config.swad_statistics,
            "With --swad on --freeze-bn off: training batches that batch norm's running statistics of the averaged "
            "weights are\nestimated from, after the last step")
      ->group(kGroup);
  add_choice(command, "--domain-order", config.domain_order, "Order of DGSAM's ascent over the domains",
             {"random", "fixed"})
      ->group(kGroup);
  add_choice(command, "--dgsam-gradients", config.dgsam_gradients,
             "Which gradients DGSAM descends with: all S+1; perturbed: without the first, taken at the unperturbed "
             "point; fresh: S new ones at the end of the ascent (2S gradients per step)",
             {"all", "perturbed", "fresh"})
      ->group(kGroup);
  add_choice(command, "--dgsam-scale", config.dgsam_scale,
             "Scale of DGSAM's descent gradient: of the sum of S domain losses (the authors'), or of their mean",
             {"sum", "mean"})
      ->group(kGroup);
}

void add_run_options(CLI::App& command, TrainConfig& config) {
  constexpr const char* kGroup = "Run";
  add_value(command, "--out", config.out, "Folder for everything the run writes; made if it does not exist")
      ->required()
      ->group(kGroup);
  CLI::Option* overwrite =
      command.add_flag("--overwrite", config.overwrite, "Replace the run that --out holds")->group(kGroup);
  command
      .add_flag("--resume", config.resume,
                "Go on with the run that --out holds, to the bits that it would have had; its configuration is taken\n"
                "from there, and flags that are given must agree. Starts a run when there is none")
      ->excludes(overwrite)
      ->group(kGroup);
  add_value(command, "--save-every", config.save_every,
            "Steps between states for --resume; 0: one every two minutes. Ctrl-C and SIGTERM save one, too")
      ->group(kGroup);
  add_value(command, "--steps", config.steps, "Updates; DomainNet: 15001")->group(kGroup);
  add_switch(command, "--round-steps", config.round_steps,
             "on: cut --steps to a multiple of --eval-every, plus 1, as SWAD does", kGroup);
  add_value(command, "--batch-size", config.batch_size, "Images per source domain and step")->group(kGroup);
  add_value(command, "--seed", config.seed, "Of initialisation, sampling, augmentation, dropout and domain order")
      ->group(kGroup);
  add_value(command, "--eval-every", config.eval_every, "Steps between evaluations; DomainNet: 1000")->group(kGroup);
  add_switch(command, "--eval-last", config.eval_last, "Evaluate after the last step, whatever --eval-every says",
             kGroup);
  add_choice(command, "--oracle", config.oracle,
             "Which evaluation the summary's test-domain validation takes: that of the best accuracy on the unseen\n"
             "domain's held-out images (SWAD), or the last (DomainBed)",
             {"best", "last"})
      ->group(kGroup);
  add_choice(command, "--eval-mode", config.eval_mode,
             "fast: all but the sources' training splits, as SWAD does; all: every split of every domain",
             {"fast", "all"})
      ->group(kGroup);
  add_value(command, "--sharpness-images", config.sharpness_images,
            "Images per domain for the one-step sharpness at the end of the run; 0: do not measure")
      ->group(kGroup);
  add_value(command, "--sharpness-rho", config.sharpness_rho,
            "Radius of that sharpness; 0: --rho. Runs with different --rho compare at one radius only")
      ->group(kGroup);
  add_choice(command, "--device", config.device, "auto: cuda where there is a GPU that this build can use, else cpu",
             {"auto", "cpu", "cuda"})
      ->group(kGroup);
  add_choice(
      command, "--precision", config.precision,
      "Of activations. bf16 keeps parameters, statistics and sums in f32; tf32 is f32 in which a GPU may round the\n"
      "factors of products to 10 bits, and f32 on a CPU; f64 is for checking",
      {"f32", "tf32", "bf16", "f64"})
      ->group(kGroup);
  add_choice(
      command, "--conv-choice", config.conv_choice,
      "Which of a GPU's algorithms computes a convolution. measured: the fastest one, found out once per machine "
      "and\nkept in a file; heuristic: the first one that cuBLASLt or cuDNN proposes, the same bits without that file",
      {"measured", "heuristic"})
      ->group(kGroup);
  add_value(command, "--threads", config.threads, "CPU threads; 0: all cores. Results depend on it by rounding only")
      ->group(kGroup);
  add_switch(command, "--onednn", config.onednn, "off: our own loops instead of oneDNN, as a reference", kGroup);
  add_switch(
      command, "--recording", config.recording,
      "on: a GPU records the second step and replays it as one launch, to the same bits; off: every operation anew",
      kGroup);
  add_switch(
      command, "--tensorboard", config.tensorboard,
      "on: write events.out.tfevents.* into --out, too, for `tensorboard --logdir`: losses, gradient norms, accuracies",
      kGroup);
  add_value(command, "--backend-check", config.backend_check,
            "Instead of training: this many steps whose every operation also runs on the CPU (on the CPU: in our own\n"
            "loops), the worst difference of each operation, and an error if one is beyond rounding")
      ->check(CLI::NonNegativeNumber)
      ->excludes("--resume")
      ->group(kGroup);
  command.add_flag("--profile", config.profile, "At the end, print time, FLOPs and bytes per operation")->group(kGroup);
}

}  // namespace

void add_train_options(CLI::App& command, TrainConfig& config) {
  add_data_options(command, config);
  add_model_options(command, config);
  add_method_options(command, config);
  add_run_options(command, config);
}

std::set<std::string> given_fields(const CLI::App& command) {
  std::set<std::string> given;
  for (const CLI::Option* option : command.get_options()) {
    if (option->count() == 0) continue;
    for (std::string name : option->get_lnames()) {
      std::replace(name.begin(), name.end(), '-', '_');
      given.insert(name);
    }
  }
  return given;
}

}  // namespace dgsam
