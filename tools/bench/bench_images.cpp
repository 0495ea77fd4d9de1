// bench-images: images per second of one thread's CPU time, from the bytes of files to the numbers a network reads.
// tools/compare_torchvision.py makes the files and runs it beside torchvision.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "data/image_file.h"
#include "data/transform.h"
#include "engine/core/check.h"

namespace dgsam {
namespace {

/// The files of a folder in memory, and what is timed on them.
class ImageBench {
 public:
  explicit ImageBench(const std::filesystem::path& folder)
      : normaliser_(transform_), values_(image_values(transform_)) {
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) paths.push_back(entry.path());
    std::sort(paths.begin(), paths.end());
    require(!paths.empty(), folder.string(), ": no images");
    for (const auto& path : paths) files_.push_back(read_file(path));
  }

  /// Seconds of CPU time for every image once. `work`: "decode" only, "eval" or "train" transform after it.
  double run(const std::string& work) {
    require(work == "decode" || work == "eval" || work == "train", "bench-images knows decode, eval and train, not \"",
            work, "\"");
    const std::clock_t start = std::clock();
    for (const auto& file : files_) {
      const Image image = decode_image(file, "image");
      if (work == "eval")
        normaliser_.apply(resize_for_evaluation(image, transform_.image_size, resized_), values_.data());
      if (work == "train") {
        RandomStream random(0, "bench", drawn_++);
        const AugmentDraw draw = draw_augmentation(random, image.width, image.height);
        normaliser_.apply(augment(image, draw, transform_.image_size), values_.data());
      }
    }
    return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  }
  std::size_t images() const { return files_.size(); }

 private:
  TransformSpec transform_;
  Normaliser normaliser_;
  std::vector<std::vector<std::uint8_t>> files_;
  std::vector<float> values_;
  Image resized_;
  std::uint64_t drawn_ = 0;
};

/// Answers every line that names a work with the images per second of one round of it, until the input ends.
void serve(ImageBench& bench) {
  for (std::string work; std::getline(std::cin, work);)
    std::cout << static_cast<double>(bench.images()) / bench.run(work) << std::endl;
}

void report(ImageBench& bench, int rounds) {
  for (const char* work : {"decode", "eval", "train"}) {
    std::vector<double> seconds;
    for (int round = 0; round <= rounds; ++round) seconds.push_back(bench.run(work));
    std::nth_element(seconds.begin() + 1, seconds.begin() + 1 + rounds / 2, seconds.end());  // the first warms up
    std::printf("%-6s %7.0f images/s\n", work, static_cast<double>(bench.images()) / seconds[1 + rounds / 2]);
  }
}

}  // namespace
}  // namespace dgsam

int main(int argc, char** argv) {
  CLI::App app{"Decoding and transforms of image files, on one thread", "bench-images"};
  std::string folder;
  int rounds = 5;
  bool interactive = false;
  app.add_option("folder", folder, "Folder of images")->required()->check(CLI::ExistingDirectory);
  app.add_option("--rounds", rounds, "Times over all images; the median counts")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_flag("--interactive", interactive, "Answer lines \"decode\", \"eval\" and \"train\" with images per second");
  try {
    app.parse(argc, argv);
    dgsam::ImageBench bench(folder);
    interactive ? dgsam::serve(bench) : dgsam::report(bench, rounds);
    return 0;
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench-images: %s\n", error.what());
    return 1;
  }
}
