#include "data/image_cache.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "data/loader.h"
#include "data/resize.h"
#include "engine/core/check.h"
#include "tests/temporary_folder.h"

using namespace dgsam;

namespace {

constexpr int kImages = 8;  // of each of three domains

/// Smooth, so that a file is smaller than its pixels, and each of another size.
Image smooth(int domain, int index) {
  Image image(40 + index, 30 + domain);
  for (std::size_t at = 0; at < image.rgb.size(); ++at)
    image.rgb[at] =
        static_cast<std::uint8_t>(at / 64 + 20u * static_cast<unsigned>(domain) + static_cast<unsigned>(index));
  return image;
}

class Tree {
 public:
  Tree() {
    for (int d = 0; d < 3; ++d) {
      for (int i = 0; i < kImages; ++i) {
        const auto folder = dir_ / std::string(1, static_cast<char>('a' + d)) / (i < kImages / 2 ? "cat" : "dog");
        std::filesystem::create_directories(folder);
        write_png(folder / (std::to_string(10 + i) + ".png"), smooth(d, i));
      }
    }
    folder_ = open_image_folder(dir_.path());
    for (int d = 0; d < 3; ++d) {
      for (int i = 0; i < kImages; ++i) {
        file_sizes_.push_back(std::filesystem::file_size(folder_.domains[d].samples[i].path));
        pixel_sizes_.push_back(smooth(d, i).rgb.size());
      }
    }
  }
  const ImageFolder& folder() const { return folder_; }
  /// Of all images in the folder's order.
  const std::vector<std::size_t>& file_sizes() const { return file_sizes_; }
  const std::vector<std::size_t>& pixel_sizes() const { return pixel_sizes_; }

 private:
  TemporaryFolder dir_;
  ImageFolder folder_;
  std::vector<std::size_t> file_sizes_, pixel_sizes_;
};

std::size_t sum(const std::vector<std::size_t>& sizes) {
  std::size_t total = 0;
  for (const std::size_t size : sizes) total += size;
  return total;
}

CacheContents contents_of(const Tree& tree, std::size_t budget, int threads) {
  ImageCache cache(tree.folder(), 0, budget);
  cache.fill(threads);
  return cache.contents();
}

}  // namespace

TEST_CASE("a budget for all pixels keeps every image decoded, one for all files every file") {
  const Tree tree;
  const std::size_t files = sum(tree.file_sizes()), pixels = sum(tree.pixel_sizes());
  REQUIRE(files < pixels / 4);

  const CacheContents all = contents_of(tree, pixels, 2);
  CHECK(all.decoded.images == 3 * kImages);
  CHECK(all.decoded.bytes == pixels);
  const CacheContents almost = contents_of(tree, pixels - 1, 2);
  CHECK(almost.decoded.images == 3 * kImages - 1);
  CHECK(almost.compressed.images == 1);

  const CacheContents compressed = contents_of(tree, files, 2);
  CHECK(compressed.decoded.images == 0);
  CHECK(compressed.compressed.images == 3 * kImages);
  CHECK(compressed.compressed.bytes == files);
  const CacheContents short_of_one = contents_of(tree, files - 1, 2);
  CHECK(short_of_one.compressed.images == 3 * kImages - 1);
  CHECK(short_of_one.on_disk.images == 1);
  CHECK(short_of_one.on_disk.bytes == tree.file_sizes().back());

  const CacheContents none = contents_of(tree, 0, 2);
  CHECK(none.on_disk.images == 3 * kImages);
  CHECK(none.on_disk.bytes == files);
}

TEST_CASE("at any budget the forms of images depend on the files alone, stay within it and yield the same pixels") {
  const Tree tree;
  const std::size_t pixels = sum(tree.pixel_sizes());
  for (std::size_t budget = 0; budget <= pixels + 500; budget += pixels / 23) {
    CAPTURE(budget);
    ImageCache cache(tree.folder(), 0, budget);
    cache.fill(3);
    const CacheContents contents = cache.contents();
    CHECK(contents.decoded.bytes + contents.compressed.bytes <= budget);
    CHECK(contents.text() == contents_of(tree, budget, 1).text());
    // Decoded ones are the first, then those compressed: what the bytes of the two kinds say.
    std::size_t decoded = 0, compressed = 0;
    for (std::size_t at = 0; at < tree.pixel_sizes().size(); ++at) {
      const auto i = static_cast<std::int64_t>(at);
      if (i < contents.decoded.images) {
        decoded += tree.pixel_sizes()[at];
      } else if (i < contents.decoded.images + contents.compressed.images) {
        compressed += tree.file_sizes()[at];
      }
    }
    CHECK(contents.decoded.bytes == decoded);
    CHECK(contents.compressed.bytes == compressed);
    for (int d = 0; d < 3; ++d) {
      for (int i = 0; i < kImages; ++i) {
        Image scratch;
        CHECK(cache.get(d, i, scratch) == smooth(d, i));
      }
    }
  }
}

TEST_CASE("batches do not depend on what is cached") {
  const Tree tree;
  const std::size_t files = sum(tree.file_sizes()), pixels = sum(tree.pixel_sizes());
  std::vector<float> first;
  for (const std::size_t budget : {std::size_t{0}, files / 2, files, (files + pixels) / 2, pixels}) {
    ImageCache cache(tree.folder(), 0, budget);
    cache.fill(2);
    BatchLoader loader(cache, {{0, {0, 1, 5}}, {2, {2, 3, 7}}}, {.image_size = 16, .augment = true},
                       {.batch_size = 4, .seed = 1, .threads = 2});
    std::vector<float> images;
    std::vector<HostBatch> batches;
    for (int step = 0; step < 6; ++step) {
      loader.next(batches);
      for (const HostBatch& batch : batches) images.insert(images.end(), batch.images.begin(), batch.images.end());
    }
    if (first.empty()) first = images;
    CHECK(images == first);
  }
}

TEST_CASE("resized images are kept decoded where that is smaller than the file") {
  const Tree tree;
  constexpr std::size_t kResized = 4 * 4 * 3;
  const auto& files = tree.file_sizes();
  REQUIRE(*std::min_element(files.begin(), files.end()) > kResized);
  ImageCache cache(tree.folder(), 4, 10 * kResized);
  cache.fill(2);
  CHECK(cache.contents().decoded.images == 10);
  CHECK(cache.contents().decoded.bytes == 10 * kResized);
  CHECK(cache.contents().on_disk.images == 3 * kImages - 10);
  Image scratch;
  for (const int domain : {0, 2}) CHECK(cache.get(domain, 1, scratch) == resize_bilinear(smooth(domain, 1), 4, 4));
}

TEST_CASE("what the disk must deliver is the mean over domains of the bytes not in memory") {
  const Tree tree;
  const auto& files = tree.file_sizes();
  ImageCache cache(tree.folder(), 0, sum({files.begin(), files.begin() + kImages + 3}));
  cache.fill(2);
  double of_b = 0, of_c = 0;
  for (int i = 3; i < kImages; ++i) of_b += static_cast<double>(files[static_cast<std::size_t>(kImages + i)]) / kImages;
  for (int i = 0; i < kImages; ++i)
    of_c += static_cast<double>(files[static_cast<std::size_t>(2 * kImages + i)]) / kImages;
  CHECK(cache.disk_bytes_per_image(std::vector{0}) == 0);
  CHECK(cache.disk_bytes_per_image(std::vector{1, 2}) == doctest::Approx((of_b + of_c) / 2));
  CHECK(cache.contents().text() == "11 as files in memory (0.00 GB), 13 read from disk (0.00 GB)");
}

TEST_CASE("filling reports every image, and stops with the name of a file that cannot be decoded") {
  const Tree tree;
  std::int64_t done = 0, total = 0;
  ImageCache(tree.folder(), 0, 1 << 20).fill(2, [&](std::int64_t a, std::int64_t b) {
    done = a;
    total = b;
  });
  CHECK(done == 3 * kImages);
  CHECK(total == 3 * kImages);
  write_bytes(tree.folder().domains[0].samples[2].path, "not an image");
  for (const int threads : {1, 4})
    CHECK(error_of([&] { ImageCache(tree.folder(), 0, 1 << 20).fill(threads); }).find("12.png") != std::string::npos);
  std::filesystem::remove(tree.folder().domains[1].samples[0].path);
  ImageCache cache(tree.folder(), 0, 1 << 20);
  CHECK(error_of([&] {
          Image scratch;
          cache.get(1, 0, scratch);
        }).find("10.png") != std::string::npos);
}

TEST_CASE("truncated JPEGs are counted once each, however often they are decoded") {
  const TemporaryFolder dir;
  const std::string whole = read_bytes(std::string(DGSAM_SOURCE_DIR) + "/tests/golden/pil/images/420.jpg");
  for (const char* name : {"a/cat/1.jpg", "a/cat/2.jpg", "b/cat/1.jpg", "b/cat/2.jpg"}) {
    const bool cut = std::string(name) == "a/cat/2.jpg" || std::string(name) == "b/cat/1.jpg";
    write_bytes(dir / name, cut ? whole.substr(0, whole.size() - 60) : whole);
  }
  const ImageFolder folder = open_image_folder(dir.path());
  ImageCache cache(folder, 0, 2 * whole.size());  // files, not pixels, of some
  CHECK(cache.truncated_files().empty());
  cache.fill(2);
  Image scratch;
  for (int round = 0; round < 2; ++round) {
    for (const int domain : {1, 0}) {
      for (const int index : {0, 1}) cache.get(domain, index, scratch);
    }
  }
  CHECK(cache.truncated_files() == std::vector{dir / "a/cat/2.jpg", dir / "b/cat/1.jpg"});
}
