// Images in device memory or in the host's: the same training and the same evaluation, to the bit.
#include <doctest/doctest.h>

#include <algorithm>

#include "engine/check/trace_backend.h"
#include "engine/cpu/make_cpu_backend.h"
#include "engine/cuda/cuda_kernel_backend.h"
#include "tests/cuda/network_training.h"
#include "tests/data/golden_source.h"
#include "tests/temporary_folder.h"
#include "tools/batches/batches.h"

using namespace dgsam;

namespace {

constexpr int kPerDomain = 5;

/// Three domains of five images of different sizes.
class Tree {
 public:
  Tree() {
    for (int domain = 0; domain < NetworkTraining::kDomains; ++domain) {
      for (int i = 0; i < kPerDomain; ++i) {
        const auto folder = root_ / std::string(1, static_cast<char>('a' + domain)) / (i < 2 ? "cat" : "dog");
        std::filesystem::create_directories(folder);
        write_png(folder / (std::to_string(i) + ".png"), golden_source(20 + 3 * i, 25 - 2 * i, 10 * domain + i));
      }
    }
    folder_ = open_image_folder(root_.path());
  }
  const ImageFolder& folder() const { return folder_; }

 private:
  TemporaryFolder root_;
  ImageFolder folder_;
};

TransformSpec transform(bool augment, int channels) {
  return {.image_size = NetworkTraining::kSize, .augment = augment, .channels = channels};
}

struct FilledImages : RunImages {
  FilledImages(const Tree& tree, Backend& backend, const std::string& where, const TransformSpec& spec)
      : RunImages(tree.folder(), spec, {.cache = where, .ram_bytes = 1 << 20, .threads = 2}) {
    fill(backend);
  }
};

struct Case {
  const char* method;
  Sampling sampling;
  bool augment;
  int channels;
  DType activation;
};

/// θ after a few steps on images of `cache`, from step `first` on.
Vector trained(const Tree& tree, const Case& what, const std::string& cache) {
  CudaKernelBackend cuda;
  ResNetSpec model = NetworkTraining::spec();
  model.image_channels = what.channels;
  NetworkOptions options = NetworkTraining::options();
  options.activation = what.activation;
  NetworkTraining training(cuda, what.method, model, options, 1e-2);
  const FilledImages images(tree, cuda, cache, transform(what.augment, what.channels));
  CHECK((images.device() != nullptr) == (cache == "gpu"));
  std::vector<DomainIndices> parts{{0, {0, 1, 2, 4}}, {1, {3, 2, 1}}, {2, {0, 4}}};
  const auto batches = make_training_batches(
      images, std::move(parts), {.batch_size = NetworkTraining::kBatch, .sampling = what.sampling, .seed = 5});
  for (int step = 0; step < 3; ++step) {
    training.gradient.stage(batches->next());
    training.method->step(step, training.theta, training.gradient);
  }
  return read(cuda, training.theta);
}

}  // namespace

TEST_CASE("training on images in device memory ends with the bits of training on the host's") {
  const Tree tree;
  for (const Case& what :
       {Case{"dgsam", Sampling::kRandom, true, 3, DType::f32}, Case{"sam", Sampling::kSequential, true, 1, DType::f32},
        Case{"erm", Sampling::kSequential, false, 2, DType::f32},
        Case{"erm", Sampling::kRandom, true, 3, DType::bf16}}) {
    CAPTURE(what.method);
    CAPTURE(what.channels);
    const Vector expected = trained(tree, what, "ram");
    CHECK(trained(tree, what, "gpu") == expected);
    CHECK(trained(tree, what, "none") == expected);
  }
}

TEST_CASE("evaluation on images in device memory reads the bits of the host's, augmented or not") {
  const Tree tree;
  CudaKernelBackend cuda;
  NetworkTraining training(cuda, "erm");
  const FilledImages host(tree, cuda, "ram", transform(true, 3)), device(tree, cuda, "gpu", transform(true, 3));
  const DomainIndices part{1, {4, 0, 3, 1, 2}};
  DeviceBatch on_device(cuda, image_type(training.gradient.graph()));
  const auto all = [&](const RunImages& images, const EvalAugmentation& augmentation) {
    std::vector<std::vector<float>> seen;
    const auto batches = make_evaluation_batches(images, part, NetworkTraining::kBatch, augmentation);
    while (const ImageBatch* const batch = batches->next()) {
      on_device.load(*batch);
      std::vector<std::int32_t> labels(NetworkTraining::kBatch);
      cuda.download(labels.data(), on_device.labels(0, 1));
      labels.resize(batch->labels.size());
      CHECK(std::equal(labels.begin(), labels.end(), batch->labels.begin(), batch->labels.end()));
      std::vector<float>& pixels = seen.emplace_back(static_cast<std::size_t>(on_device.images(0, 1).elements()));
      cuda.download(pixels.data(), on_device.images(0, 1));
      pixels.resize(pixels.size() / NetworkTraining::kBatch * labels.size());
      for (const std::int32_t label : labels) seen.back().push_back(static_cast<float>(label));
    }
    return seen;
  };
  const auto plain = all(host, {});
  CHECK(plain.size() == 3);  // the last one is short
  CHECK(all(device, {}) == plain);
  const auto augmented = all(host, {.seed = 3, .draw = 7});
  CHECK(augmented != plain);
  CHECK(all(device, {.seed = 3, .draw = 7}) == augmented);
}

TEST_CASE("after the first step, steps on images in device memory allocate nothing and wait for nothing") {
  const Tree tree;
  CudaKernelBackend cuda;
  NetworkTraining training(cuda, "dgsam");
  const FilledImages images(tree, cuda, "gpu", transform(true, 3));
  const auto batches =
      make_training_batches(images, {{0, {0, 1}}, {1, {0, 1, 2}}, {2, {4}}}, {.batch_size = NetworkTraining::kBatch});
  const auto step = [&](int number) {
    training.gradient.stage(batches->next());
    training.method->step(number, training.theta, training.gradient);
  };
  step(0);
  step(1);
  const emulated::Device before = emulated::device();
  for (int number = 2; number < 5; ++number) step(number);
  CHECK(emulated::device().allocations == before.allocations);
  CHECK(emulated::device().waits == before.waits);
  CHECK(emulated::device().graphs == before.graphs + 3);
  CHECK(emulated::device().launches_by_host ==
        before.launches_by_host + std::int64_t{3} * 3 * NetworkTraining::kDomains);
}

TEST_CASE("images stay on the host without a device or room on it, and are refused where they were asked for") {
  const Tree tree;
  const TransformSpec spec = transform(true, 3);
  const auto cpu = make_cpu_backend({1}, false);
  CHECK(FilledImages(tree, *cpu, "auto", spec).device() == nullptr);
  CHECK(error_of([&] { FilledImages(tree, *cpu, "gpu", spec); }).find("use --cache ram, or --device cuda") !=
        std::string::npos);
  CHECK(error_of([&] { FilledImages(tree, *cpu, "disk", spec); }).find("must be gpu, ram, none or auto") !=
        std::string::npos);

  CudaKernelBackend cuda;
  CHECK(FilledImages(tree, cuda, "auto", spec).text() == "15 images decoded in device memory (0.00 GB)");
  TraceBackend traced(cuda);
  CHECK(FilledImages(tree, traced, "gpu", spec).device() != nullptr);
  const std::size_t memory = emulated::device().memory;
  emulated::device().memory = emulated::device().allocated + 24'000;  // the pixels take 24,030
  const FilledImages on_host(tree, cuda, "auto", spec);
  CHECK(on_host.device() == nullptr);
  CHECK(on_host.note().find("kept in host memory") != std::string::npos);
  CHECK(on_host.text().find("15 images decoded") == 0);
  const std::string error = error_of([&] { FilledImages(tree, cuda, "gpu", spec); });
  emulated::device().memory = memory;
  CHECK(error.find("of device memory are free beside the network; use --cache ram") != std::string::npos);
}
