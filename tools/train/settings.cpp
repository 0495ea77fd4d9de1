// The table of a training run's settings, in the order of `dgsam-run train --help`. A row is
//   {name, field, help, rules}
// and the default is the field's in TrainConfig.
#include "tools/train/settings.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "data/datasets.h"
#include "engine/core/check.h"

namespace dgsam {

namespace {

Range at_least(double least) {
  return {.least = least, .rule = "must be at least " + std::to_string(std::int64_t(least))};
}

Range between(int least, int most) {
  return {double(least), double(most), "must lie between " + std::to_string(least) + " and " + std::to_string(most)};
}

Range not_negative() { return {.least = 0, .rule = "must not be negative"}; }

/// [0, 1)
Range part() { return {0, std::nextafter(1.0, 0.0), "must lie in [0, 1)"}; }

std::string help_of_dataset() {
  std::string help = "Which benchmark, or `folder` for any image tree:";
  for (const DatasetSpec& spec : known_datasets()) help += "\n  " + spec.name + ": " + spec.what;
  return help;
}

SettingGroup data_settings() {
  return {
      "Data",
      {{"protocol", &TrainConfig::protocol,
        "Defaults of --steps, --eval-every, --eval-mode, --eval-last, --val-augment and --oracle.\n"
        "swad: the SWAD repository's, as in DGSAM's paper; domainbed-2020: DomainBed's first release"},
       {"dataset", &TrainConfig::dataset, help_of_dataset()},
       {"data_dir",
        &TrainConfig::data_dir,
        "The data set's root (root/domain/class/image), or its parent",
        {.on_resume = OnResume::change, .path = true}},
       {"manifest",
        &TrainConfig::manifest,
        "Instead of --data-dir, for images that are no such tree: a list of them, .csv or .json, with columns path,\n"
        "domain, label[, split], paths relative to the list",
        {.on_resume = OnResume::change, .path = true}},
       {"allow_missing_classes",
        &TrainConfig::allow_missing_classes,
        "Domains may lack classes: the classes are those of all domains together",
        {.bare = true}},
       {"test_env", &TrainConfig::test_env, "The domain left out, by index or name; `none` trains on every domain"},
       {"trial_seed", &TrainConfig::trial_seed, "Seed of the split of each domain (DomainBed's trial_seed)"},
       {"holdout",
        &TrainConfig::holdout,
        "Fraction of each domain held out of training (the `out` split)",
        {.range = part()}},
       {"image_size", &TrainConfig::image_size, "Rows and columns of the network's input", {.range = between(1, 4096)}},
       {"channels",
        &TrainConfig::channels,
        "Of the network's input: the first of red, green and blue",
        {.range = {1, 3, "must be 1, 2 or 3"}}},
       {"normalise",
        &TrainConfig::normalise,
        "imagenet: subtract ImageNet's mean, divide by its standard deviation; none: pixels in [0, 1]",
        {.words = {"imagenet", "none"}}},
       {"augment",
        &TrainConfig::augment,
        "Training images: crop, flip, colour jitter and grey as DomainBed does, or only resized",
        {.words = {"standard", "none"}}},
       {"sampler", &TrainConfig::sampler,
        "random: uniform with replacement, as DomainBed; sequential: the split in its order, wrapping around"},
       {"val_augment", &TrainConfig::val_augment,
        "Evaluate source domains with the training augmentation (DomainBed of 2020 does)"},
       {"cache",
        &TrainConfig::cache,
        "Where images are kept; results do not depend on it.\n"
        "gpu: decoded in device memory, batches are made there; ram: in host memory, see --cache-gb; none: read at\n"
        "each use; auto: gpu with --device cuda if they fit into four fifths of its free memory, else ram",
        {.words = {"auto", "gpu", "ram", "none"}, .on_resume = OnResume::change}},
       {"cache_gb",
        &TrainConfig::cache_gb,
        "Host memory for images: decoded as far as it goes, else as the files' bytes; the rest is read at each use",
        {.range = not_negative(), .on_resume = OnResume::change}}}};
}

SettingGroup model_settings() {
  return {"Model",
          {{"model", &TrainConfig::model, "Architecture", {.words = {"resnet18", "resnet50", "mnist-cnn"}}},
           {"weights",
            &TrainConfig::weights,
            "A safetensors file with torchvision's names to start from; a head with another number of classes is "
            "initialised anew",
            {.path = true}},
           {"dropout", &TrainConfig::dropout, "Dropout of the pooled features", {.range = part()}},
           {"freeze_bn", &TrainConfig::freeze_bn,
            "on: batch norm uses the loaded running statistics as constants (the protocol; gamma and beta still "
            "train).\noff: statistics of each batch. Then every pass of DGSAM normalises by the statistics of ONE "
            "domain,\nwhile ERM and SAM see all domains together: not a fair comparison"},
           {"bn_running", &TrainConfig::bn_running,
            "With --freeze-bn off, which passes of a step move the running statistics. first-pass: not SAM's and "
            "DGSAM's perturbed ones"}}};
}

SettingGroup method_settings() {
  return {
      "Method",
      {{"algorithm",
        &TrainConfig::algorithm,
        "erm, gga-l: S gradients per step for S source domains; sam, gsam, sagm, disam: 2S; dgsam: S+1",
        {.words = {kMethods.begin(), kMethods.end()}}},
       {"optimizer", &OptimizerOptions::name, "Base optimizer", {.words = {"adam", "adamw", "sgd"}}},
       {"lr", &OptimizerOptions::learning_rate, "Learning rate, constant"},
       {"weight_decay", &OptimizerOptions::weight_decay,
        "Added to the gradient (adam, sgd) or decoupled (adamw); never part of an ascent"},
       {"momentum", &OptimizerOptions::momentum, "Of sgd"},
       {"nesterov", &OptimizerOptions::nesterov, "Of sgd", {.bare = true}},
       {"rho", &TrainConfig::rho, "Length of the ascent step of sam, gsam, sagm and disam, and of each of dgsam's"},
       {"adaptive", &TrainConfig::adaptive,
        "With sam or dgsam, measure --rho in units of each parameter's size, as ASAM does: larger ones fit "
        "(davda54/sam: 2)"},
       {"gsam_alpha", &TrainConfig::gsam_alpha,
        "How much of the unperturbed gradient's part that is orthogonal to the perturbed one GSAM subtracts"},
       {"sagm_alpha", &TrainConfig::sagm_alpha,
        "SAGM's ascent step goes back by this much of the gradient (the authors: 1e-3; OfficeHome, DomainNet: 5e-4)"},
       {"disam_lambda", &TrainConfig::disam_lambda,
        "How much of the variance of the domains' losses DISAM's ascent leaves out of its climb"},
       {"gga_gamma", &TrainConfig::gga_gamma,
        "Noise in GGA-L's update: its standard deviation where the domains' gradients are orthogonal"},
       {"swad", &TrainConfig::swad,
        "on: with any algorithm, average the weights of every step while the validation loss lies in a valley "
        "(SWAD's\nLossValley); the run ends when the loss has left it, and swad.safetensors has the average"},
       {"swad_tolerance",
        &TrainConfig::swad_tolerance,
        "The valley's rim: this much above the loss at convergence, as a part of it; VLCS: 0.2",
        {.range = not_negative()}},
       {"swad_statistics",
        &TrainConfig::swad_statistics,
        "With --freeze-bn off and --swad on or --average moving: training batches that batch norm's running statistics "
        "of\nthe averaged weights are estimated from, after the last step",
        {.range = at_least(1)}},
       {"average", &TrainConfig::average,
        "moving: with any algorithm, average the weights of every step from --average-from on (SMA of EoA); "
        "moving.safetensors has\nthe average at the end"},
       {"average_from",
        &TrainConfig::average_from,
        "The first step whose weights count, from 0",
        {.range = not_negative()}},
       {"domain_order", &TrainConfig::domain_order, "Order of DGSAM's ascent over the domains"},
       {"dgsam_gradients", &TrainConfig::dgsam_gradients,
        "Which gradients DGSAM descends with: all S+1; perturbed: without the first, taken at the unperturbed "
        "point; fresh: S new ones at the end of the ascent (2S gradients per step)"},
       {"dgsam_scale", &TrainConfig::dgsam_scale,
        "Scale of DGSAM's descent gradient: of the sum of S domain losses (the authors'), or of their mean"}}};
}

SettingGroup run_settings() {
  return {
      "Run",
      {{"out",
        &TrainConfig::out,
        "Folder for everything the run writes; made if it does not exist",
        {.on_resume = OnResume::ask, .required = true}},
       {"overwrite",
        &TrainConfig::overwrite,
        "Replace the run that --out holds",
        {.on_resume = OnResume::ask, .bare = true}},
       {"resume",
        &TrainConfig::resume,
        "Go on with the run that --out holds, to the bits that it would have had; its configuration is taken\n"
        "from there, and flags that are given must agree. Starts a run when there is none",
        {.on_resume = OnResume::ask, .bare = true, .excludes = "overwrite"}},
       {"save_every",
        &TrainConfig::save_every,
        "Steps between states for --resume; 0: one every two minutes. Ctrl-C, SIGTERM and SIGHUP save one, too",
        {.range = not_negative(), .on_resume = OnResume::change}},
       {"steps",
        &TrainConfig::steps,
        "Updates; DomainNet: 15001",
        {.range = {.least = 1, .rule = "a run has at least one step"}}},
       // config.json has the steps that came of it.
       {"round_steps", &TrainConfig::round_steps,
        "on: cut --steps to a multiple of --eval-every, plus 1, as SWAD does"},
       {"batch_size", &TrainConfig::batch_size, "Images per source domain and step", {.range = between(1, 65535)}},
       {"seed", &TrainConfig::seed, "Of initialisation, sampling, augmentation, dropout and domain order"},
       {"eval_every", &TrainConfig::eval_every, "Steps between evaluations; DomainNet: 1000", {.range = at_least(1)}},
       {"eval_last", &TrainConfig::eval_last, "Evaluate after the last step, whatever --eval-every says"},
       {"oracle", &TrainConfig::oracle,
        "Which evaluation the summary's test-domain validation takes: that of the best accuracy on the unseen\n"
        "domain's held-out images (SWAD), or the last (DomainBed)"},
       {"eval_mode", &TrainConfig::eval_mode,
        "fast: all but the sources' training splits, as SWAD does; all: every split of every domain"},
       {"sharpness_images",
        &TrainConfig::sharpness_images,
        "Images per domain for the one-step sharpness at the end of the run; 0: do not measure",
        {.range = not_negative()}},
       {"sharpness_rho",
        &TrainConfig::sharpness_rho,
        "Radius of that sharpness; 0: --rho. Runs with different --rho compare at one radius only",
        {.range = not_negative()}},
       {"device",
        &TrainConfig::device,
        "auto: cuda where there is a GPU that this build can use, else cpu",
        {.words = {"auto", "cpu", "cuda"}}},
       {"precision", &TrainConfig::precision,
        "Of activations. bf16 keeps parameters, statistics and sums in f32; tf32 is f32 in which a GPU may round the\n"
        "factors of products to 10 bits, and f32 on a CPU; f64 is for checking"},
       {"conv_choice", &TrainConfig::conv_choice,
        "Which of a GPU's algorithms computes a convolution. measured: the fastest one, found out once per machine "
        "and\nkept in a file; heuristic: the first one that cuBLASLt or cuDNN proposes, the same bits without that "
        "file"},
       {"threads",
        &TrainConfig::threads,
        "CPU threads; 0: all cores. Results depend on it by rounding only",
        {.range = between(0, 1024), .on_resume = OnResume::change}},
       {"onednn", &TrainConfig::onednn, "off: our own loops instead of oneDNN, as a reference"},
       {"recording",
        &TrainConfig::recording,
        "on: a GPU records the second step and replays it as one launch, to the same bits; off: every operation anew",
        {.on_resume = OnResume::ask}},
       {"tensorboard",
        &TrainConfig::tensorboard,
        "on: write events.out.tfevents.* into --out, too, for `tensorboard --logdir`: losses, gradient norms, "
        "accuracies",
        {.on_resume = OnResume::change}},
       {"backend_check",
        &TrainConfig::backend_check,
        "Instead of training: this many steps whose every operation also runs on the CPU (on the CPU: in our own\n"
        "loops), the worst difference of each operation, and an error if one is beyond rounding",
        {.range = not_negative(), .on_resume = OnResume::ask, .excludes = "resume"}},
       {"profile",
        &TrainConfig::profile,
        "At the end, print time, FLOPs and bytes per operation",
        {.on_resume = OnResume::ask, .bare = true}}}};
}

/// What config.json and checkpoints record, in their order: what decides a run's result, and what says where it ran.
// clang-format off
constexpr std::array kRecorded{"protocol",    "dataset",      "data_dir",         "test_env",
                               "algorithm",   "model",        "weights",          "steps",
                               "batch_size",  "lr",           "weight_decay",     "dropout",
                               "optimizer",   "momentum",     "nesterov",         "rho",
                               "gsam_alpha",  "sagm_alpha",   "adaptive",         "disam_lambda",
                               "gga_gamma",   "swad",         "swad_tolerance",   "swad_statistics",
                               "average",     "average_from", "domain_order",     "dgsam_gradients",
                               "dgsam_scale", "freeze_bn",    "bn_running",       "trial_seed",
                               "seed",        "holdout",      "eval_every",       "eval_last",
                               "eval_mode",   "val_augment",  "oracle",           "image_size",
                               "channels",    "normalise",    "augment",          "sampler",
                               "cache",       "cache_gb",     "sharpness_images", "sharpness_rho",
                               "device",      "precision",    "conv_choice",      "threads",
                               "onednn",      "save_every",   "tensorboard",      "manifest",
                               "allow_missing_classes"};
// clang-format on

}  // namespace

const std::vector<SettingGroup>& setting_groups() {
  static const std::vector<SettingGroup> kGroups{data_settings(), model_settings(), method_settings(), run_settings()};
  return kGroups;
}

const std::vector<const Setting*>& recorded_settings() {
  static const std::vector<const Setting*> kSettings = [] {
    std::vector<const Setting*> settings;
    for (const char* name : kRecorded) settings.push_back(find_setting(name));
    return settings;
  }();
  return kSettings;
}

const Setting* find_setting(const std::string& name) {
  for (const SettingGroup& group : setting_groups()) {
    for (const Setting& setting : group.settings) {
      if (setting.name == name) return &setting;
    }
  }
  return nullptr;
}

void check_ranges(const TrainConfig& config) {
  TrainConfig copy = config;
  for (const SettingGroup& group : setting_groups()) {
    for (const Setting& setting : group.settings) {
      std::visit(
          [&]<class T>(const T& value) {
            if constexpr (std::is_pointer_v<T>) {
              if constexpr (std::is_arithmetic_v<std::remove_pointer_t<T>>) {
                require(setting.rules.range.contains(static_cast<double>(*value)), setting.flag(), " ", *value, ": ",
                        setting.rules.range.rule);
              }
            }
          },
          setting.field.in(copy));
    }
  }
}

}  // namespace dgsam
