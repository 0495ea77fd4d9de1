#include "data/loader.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>

#include "data/image_file.h"
#include "data/splits.h"
#include "engine/core/check.h"
#include "tests/data/golden_source.h"
#include "tests/temporary_folder.h"

using namespace dgsam;

namespace {

constexpr int kPerClass = 6;

/// Three domains of two classes; image k of a domain is golden_source with a seed of its own, 20 x 18 pixels.
class Tree {
 public:
  Tree() {
    for (int d = 0; d < 3; ++d) {
      for (int i = 0; i < 2 * kPerClass; ++i) {
        const auto folder = dir_ / std::string(1, static_cast<char>('a' + d)) / (i < kPerClass ? "cat" : "dog");
        std::filesystem::create_directories(folder);
        write_png(folder / (std::to_string(10 + i) + ".png"), golden_source(20, 18, 100 * d + i));
      }
    }
    folder_ = open_image_folder(dir_.path());
  }
  const ImageFolder& folder() const { return folder_; }

 private:
  TemporaryFolder dir_;
  ImageFolder folder_;
};

std::vector<DomainIndices> parts(std::initializer_list<int> domains) {
  std::vector<DomainIndices> result;
  for (const int domain : domains) result.push_back({domain, split_indices(2 * kPerClass, 0.2, 0, domain).in});
  return result;
}

std::vector<std::vector<HostBatch>> run(BatchLoader loader, int steps) {
  std::vector<std::vector<HostBatch>> stream(static_cast<std::size_t>(steps));
  for (auto& batches : stream) loader.next(batches);
  return stream;
}

bool same(const HostBatch& a, const HostBatch& b) { return a.images == b.images && a.labels == b.labels; }
bool same(const std::vector<HostBatch>& a, const std::vector<HostBatch>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const HostBatch& x, const HostBatch& y) { return same(x, y); });
}

const TransformSpec kAugmented{.image_size = 16, .augment = true};
const TransformSpec kPlain{.image_size = 16, .augment = false};

}  // namespace

TEST_CASE("the training stream is the same bytes for 1 and 3 threads, cached or not") {
  const Tree tree;
  ImageCache cached(tree.folder(), 0, 1 << 20), uncached(tree.folder(), 0, 0);
  cached.fill(2);
  uncached.fill(2);
  CHECK(cached.contents().decoded.images == 36);
  CHECK(uncached.contents().on_disk.images == 36);
  LoaderOptions options{.batch_size = 5, .seed = 3, .threads = 1, .steps_ahead = 1};
  const auto one = run({cached, parts({0, 1, 2}), kAugmented, options}, 8);
  options.threads = 3;
  options.steps_ahead = 4;
  const auto three = run({uncached, parts({0, 1, 2}), kAugmented, options}, 8);
  for (std::size_t step = 0; step < one.size(); ++step) CHECK(same(one[step], three[step]));
  CHECK_FALSE(same(one[0], one[1]));
  CHECK_FALSE(same(one[0][0], one[0][1]));
  options.seed = 4;
  CHECK_FALSE(same(one[0], run({cached, parts({0, 1, 2}), kAugmented, options}, 1)[0]));
}

TEST_CASE("a stream started at step 5 continues the one that began at 0, and other domains do not matter") {
  const Tree tree;
  const ImageCache cache(tree.folder(), 0, 0);
  for (const Sampling sampling : {Sampling::kRandom, Sampling::kSequential}) {
    LoaderOptions options{.batch_size = 4, .sampling = sampling};
    const auto whole = run({cache, parts({0, 2}), kAugmented, options}, 7);
    options.start_step = 5;
    const auto rest = run({cache, parts({2}), kAugmented, options}, 2);
    CHECK(same(whole[5][1], rest[0][0]));
    CHECK(same(whole[6][1], rest[1][0]));
  }
}

TEST_CASE("sequential batches walk the split in order and wrap around") {
  const Tree tree;
  const ImageCache cache(tree.folder(), 16, 1 << 20);
  const std::vector<DomainIndices> train = parts({1});
  const auto count = train[0].indices.size();
  const auto stream = run({cache, train, kPlain, {.batch_size = 4, .sampling = Sampling::kSequential}}, 5);
  std::size_t at = 0;
  for (const auto& batches : stream) {
    for (int element = 0; element < 4; ++element, ++at) {
      const int index = train[0].indices[at % count];
      CHECK(batches[0].labels[element] == (index < kPerClass ? 0 : 1));
      const Image expected = resize_bilinear(golden_source(20, 18, 100 + index), 16, 16);
      std::vector<float> normalised(expected.rgb.size());
      Normaliser(kPlain).apply(expected, normalised.data());
      CHECK(std::equal(normalised.begin(), normalised.end(), batches[0].images.begin() + element * 16 * 16 * 3));
    }
  }
}

TEST_CASE("random sampling is uniform over the split and independent of the batch size") {
  std::vector<int> counts(10);
  for (std::int64_t step = 0; step < 1000; ++step) {
    for (int element = 0; element < 20; ++element) {
      const auto position = sample_position(Sampling::kRandom, 1, 2, step, element, 20, 10);
      ++counts[static_cast<std::size_t>(position)];
      CHECK(position == sample_position(Sampling::kRandom, 1, 2, step, element, 32, 10));
    }
  }
  for (const int count : counts) CHECK(std::abs(count - 2000) < 220);  // five standard deviations
}

TEST_CASE("normalisation is (x / 255 - mean) / std") {
  Image image(2, 1);
  image.rgb = {0, 255, 51, 128, 1, 254};
  std::vector<float> out(6);
  Normaliser(kPlain).apply(image, out.data());
  CHECK(out[0] == (0.0f - 0.485f) / 0.229f);
  CHECK(out[1] == (1.0f - 0.456f) / 0.224f);
  CHECK(out[2] == (51.0f / 255.0f - 0.406f) / 0.225f);
  CHECK(out[3] == (128.0f / 255.0f - 0.485f) / 0.229f);
}

TEST_CASE("a network of 1 or 2 channels reads the first of red, green and blue") {
  const Tree tree;
  const ImageCache cache(tree.folder(), 0, 0);
  const LoaderOptions options{.batch_size = 3, .seed = 1};
  const auto rgb = run({cache, parts({0}), kAugmented, options}, 2);
  for (const int channels : {1, 2}) {
    TransformSpec spec = kAugmented;
    spec.channels = channels;
    const auto stream = run({cache, parts({0}), spec, options}, 2);
    HostBatch evaluated;
    CHECK(EvalReader(cache, {0, {0, 1}}, spec, 2, 1).next(evaluated));
    CHECK(evaluated.images.size() == 2u * 16 * 16 * channels);
    for (std::size_t step = 0; step < rgb.size(); ++step) {
      std::vector<float> expected;
      for (std::size_t at = 0; at < rgb[step][0].images.size(); ++at)
        if (static_cast<int>(at % 3) < channels) expected.push_back(rgb[step][0].images[at]);
      CHECK(stream[step][0].images == expected);
    }
  }
  TransformSpec four = kPlain;
  four.channels = 4;
  CHECK(error_of([&] { Normaliser{four}; }).find("not 4") != std::string::npos);
}

TEST_CASE("augmented evaluation depends on seed, draw, domain and index, not on batches or threads") {
  const Tree tree;
  const ImageCache cache(tree.folder(), 0, 0);
  const auto images = [&](int batch_size, int threads, const EvalAugmentation& augmentation, int domain = 0) {
    EvalReader reader(cache, {domain, {4, 1, 7}}, kPlain, batch_size, threads, augmentation);
    std::vector<float> all;
    for (HostBatch batch; reader.next(batch);) all.insert(all.end(), batch.images.begin(), batch.images.end());
    return all;
  };
  const std::vector<float> once = images(3, 1, {.seed = 5});
  CHECK(once == images(2, 3, {.seed = 5}));
  CHECK(once != images(3, 1, {}));
  CHECK(once != images(3, 1, {.seed = 6}));
  CHECK(once != images(3, 1, {.seed = 5, .draw = 1}));

  RandomStream random(5, "augment eval", 4, 0);
  const Image source = golden_source(20, 18, 4);
  const Image expected = augment(source, draw_augmentation(random, 20, 18), 16);
  std::vector<float> normalised(expected.rgb.size());
  Normaliser(kPlain).apply(expected, normalised.data());
  CHECK(std::equal(normalised.begin(), normalised.end(), once.begin()));

  const ImageCache resized(tree.folder(), 16, 0);
  CHECK_THROWS_AS(EvalReader(resized, {0, {0}}, kPlain, 2, 1, {.seed = 5}), Error);
}

TEST_CASE("evaluation reads every image once, in order, the last batch short, without augmentation") {
  const Tree tree;
  ImageCache cache(tree.folder(), 0, 1 << 20);
  cache.fill(1);
  std::vector<int> all(2 * kPerClass);
  std::iota(all.begin(), all.end(), 0);
  EvalReader reader(cache, {2, all}, kAugmented, 5, 2);
  std::vector<int> sizes;
  std::size_t read = 0;
  HostBatch batch;
  while (reader.next(batch)) {
    sizes.push_back(batch.size());
    for (int element = 0; element < batch.size(); ++element, ++read) {
      const Image expected = resize_bilinear(golden_source(20, 18, 200 + static_cast<int>(read)), 16, 16);
      std::vector<float> normalised(expected.rgb.size());
      Normaliser(kPlain).apply(expected, normalised.data());
      CHECK(std::equal(normalised.begin(), normalised.end(), batch.images.begin() + element * 16 * 16 * 3));
      CHECK(batch.labels[element] == (read < kPerClass ? 0 : 1));
    }
  }
  CHECK(sizes == std::vector<int>{5, 5, 2});
  CHECK_FALSE(reader.next(batch));
}

TEST_CASE("a worker's error reaches the caller with the path, in training, evaluation and filling") {
  const Tree tree;
  const auto& broken = tree.folder().domains[0].samples[3].path;
  write_bytes(broken, "not an image");
  ImageCache cache(tree.folder(), 0, 1 << 20);
  const std::string name = broken.filename().string();
  CHECK(error_of([&] { cache.fill(2); }).find(name) != std::string::npos);
  BatchLoader loader(cache, {{0, {3}}}, kPlain, {.batch_size = 2, .threads = 3});
  std::vector<HostBatch> batches;
  for (int attempt = 0; attempt < 2; ++attempt)
    CHECK(error_of([&] { loader.next(batches); }).find(name) != std::string::npos);
  EvalReader reader(cache, {0, {1, 2, 3}}, kPlain, 2, 1);
  HostBatch batch;
  CHECK(reader.next(batch));
  CHECK(error_of([&] { reader.next(batch); }).find(name) != std::string::npos);
}

TEST_CASE("a loader that is dropped while working shuts down, and reuses the buffers it is given") {
  const Tree tree;
  const ImageCache cache(tree.folder(), 0, 0);
  for (int round = 0; round < 20; ++round)
    BatchLoader(cache, parts({0, 1}), kAugmented, {.batch_size = 8, .threads = 3, .steps_ahead = 2});
  BatchLoader loader(cache, parts({0}), kPlain, {.batch_size = 2, .threads = 1, .steps_ahead = 1});
  std::vector<HostBatch> batches;
  std::vector<const float*> seen;
  for (int step = 0; step < 6; ++step) {
    loader.next(batches);
    const float* address = batches[0].images.data();
    if (std::find(seen.begin(), seen.end(), address) == seen.end()) seen.push_back(address);
  }
  CHECK(seen.size() == 2);
}

TEST_CASE("impossible loaders are refused") {
  const Tree tree;
  const ImageCache cache(tree.folder(), 0, 0);
  CHECK_THROWS_AS(BatchLoader(cache, {}, kPlain, {}), Error);
  CHECK_THROWS_AS(BatchLoader(cache, {{0, {}}}, kPlain, {}), Error);
  CHECK_THROWS_AS(BatchLoader(cache, {{3, {0}}}, kPlain, {}), Error);
  CHECK_THROWS_AS(BatchLoader(cache, {{0, {12}}}, kPlain, {}), Error);
  CHECK_THROWS_AS(BatchLoader(cache, parts({0}), kPlain, {.batch_size = 0}), Error);
  CHECK_THROWS_AS(BatchLoader(cache, parts({0}), kPlain, {.threads = 0}), Error);
  const ImageCache resized(tree.folder(), 16, 0);
  CHECK_THROWS_AS(BatchLoader(resized, parts({0}), kAugmented, {}), Error);
  CHECK_THROWS_AS(EvalReader(cache, {0, {0}}, {.image_size = 0}, 2, 1), Error);
}
