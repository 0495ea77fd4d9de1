// A data set small enough to train on in a test, and a configuration that does.
#pragma once

#include <filesystem>
#include <string>

#include "data/image.h"
#include "engine/core/rng.h"
#include "tests/temporary_folder.h"
#include "tools/train/train_config.h"

namespace dgsam {

/// Three domains, two classes, ten 16x16 images in each class: bright or dark, on a tint per domain.
class TinyFolder {
 public:
  TinyFolder() {
    for (const int domain : {0, 1, 2}) {
      for (const int label : {0, 1}) {
        const std::filesystem::path folder =
            root_ / "data" / ("d" + std::to_string(domain)) / (label ? "bright" : "dark");
        std::filesystem::create_directories(folder);
        for (int i = 0; i < 10; ++i) {
          RandomStream random(7, "tiny", static_cast<std::uint64_t>(domain * 2 + label), static_cast<std::uint64_t>(i));
          Image image(16, 16);
          for (std::size_t at = 0; at < image.rgb.size(); ++at) {
            const bool tinted = static_cast<int>(at % 3) == domain;
            image.rgb[at] = static_cast<std::uint8_t>(random.below(60) + (label ? 120u : 20u) + (tinted ? 60u : 0u));
          }
          write_png(folder / (std::to_string(i) + ".png"), image);
        }
      }
    }
  }

  TrainConfig config(const std::string& algorithm, const std::string& out) const {
    TrainConfig config;
    config.data_dir = data();
    config.out = path(out);
    config.test_env = "d1";
    config.algorithm = algorithm;
    config.model = "mnist-cnn";
    config.image_size = 16;
    config.augment = "none";
    config.batch_size = 4;
    config.steps = 3;
    config.eval_every = 2;
    config.optimizer.learning_rate = 1e-3;
    config.sharpness_images = 8;
    config.threads = 2;
    resolve(config);
    return config;
  }
  std::string data() const { return root_.file("data"); }
  std::string path(const std::string& name) const { return root_.file(name); }

 private:
  TemporaryFolder root_;
};

}  // namespace dgsam
