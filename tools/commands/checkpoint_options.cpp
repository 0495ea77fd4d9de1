#include "tools/commands/checkpoint_options.h"

namespace dgsam {

void add_data_options(CLI::App& command, DataChoice& data) {
  command.add_option("--dataset", data.dataset, "As for train [what the checkpoint was trained on]");
  command.add_option("--data-dir", data.data_dir, "The data set's root or its parent [the training's]");
  command.add_option("--manifest", data.manifest,
                     "Instead of --data-dir, a list of images as for train [the training's]");
  command.add_flag("--allow-missing-classes", data.allow_missing_classes, "Domains may lack classes, as for train");
  command.add_option("--test-env", data.test_env, "The domain that counts as unseen [the training's]");
  command.add_option("--trial-seed", data.trial_seed, "Seed of the splits [the training's]");
  command.add_option("--holdout", data.holdout, "Fraction of the `out` splits [the training's]");
}

void add_device_options(CLI::App& command, NetworkPlace& place) {
  command.add_option("--device", place.device, "As for train")
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}))
      ->capture_default_str();
  command.add_option("--threads", place.threads, "CPU threads; 0: all cores")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
}

void add_place_options(CLI::App& command, NetworkPlace& place, const std::string& precision) {
  add_device_options(command, place);
  command
      .add_option_function<std::string>(
          "--precision", [&place](const std::string& word) { place.precision = value_of<Precision>(word); }, precision)
      ->check(CLI::IsMember(words_of<Precision>()));
  command.add_option("--batch-size", place.batch_size, "Images per pass, at most")
      ->check(CLI::Range(1, 65535))
      ->capture_default_str();
}

}  // namespace dgsam
