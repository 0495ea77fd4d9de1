// Against tests/golden/mnist/golden.txt, which make_golden.py there recorded from PyTorch and Pillow.
#include "data/mnist_domains.h"

#include <doctest/doctest.h>
#include <zlib.h>

#include <cmath>
#include <sstream>

#include "data/image.h"
#include "data/image_folder.h"
#include "tests/temporary_folder.h"

using namespace dgsam;

namespace {

namespace fs = std::filesystem;

template <class T>
std::uint32_t crc(const std::vector<T>& values) {
  return static_cast<std::uint32_t>(
      crc32_z(0, reinterpret_cast<const unsigned char*>(values.data()), values.size() * sizeof(T)));
}

/// make_golden.py's images(count, height, width).
std::vector<std::uint8_t> golden_images(int count, int height, int width) {
  std::vector<std::uint8_t> pixels;
  for (std::uint64_t n = 0; n < static_cast<std::uint64_t>(count); ++n) {
    for (std::uint64_t y = 0; y < static_cast<std::uint64_t>(height); ++y) {
      for (std::uint64_t x = 0; x < static_cast<std::uint64_t>(width); ++x) {
        const std::uint64_t noise = (x * 7919 + y * 104729 + n * 1299709 + 17) * 2654435761 >> 11;
        const std::uint64_t slope = (x + y + n) % 4 == 0 ? 0 : x * (3 + n % 5) + y * (5 + n % 3);
        pixels.push_back(static_cast<std::uint8_t>((x / 5 + y / 4 + n) % 3 == 0 ? noise : slope));
      }
    }
  }
  return pixels;
}

/// make_golden.py's labels(count).
std::vector<std::uint8_t> golden_labels(int count) {
  std::vector<std::uint8_t> labels;
  for (std::uint64_t n = 0; n < static_cast<std::uint64_t>(count); ++n)
    labels.push_back(static_cast<std::uint8_t>((n * 2654435761 >> 7) % 10));
  return labels;
}

/// Calls check(words after the kind) for each golden line of a kind; returns how many there were.
template <class Check>
int each_golden(const std::string& kind, Check check) {
  std::istringstream lines(read_bytes(DGSAM_SOURCE_DIR "/tests/golden/mnist/golden.txt"));
  int checked = 0;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string first;
    if (!(words >> first) || first != kind) continue;
    CAPTURE(line);
    check(words);
    CHECK_FALSE(words.fail());
    ++checked;
  }
  return checked;
}

std::string big_endian(std::size_t value) {
  return {static_cast<char>(value >> 24), static_cast<char>(value >> 16), static_cast<char>(value >> 8),
          static_cast<char>(value)};
}

/// golden_images and golden_labels as two pairs of IDX files, as MNIST's training and test part.
MnistDomainsOptions write_digits(const fs::path& dir, int count, std::uint64_t seed) {
  MnistDomainsOptions options;
  options.seed = seed;
  options.threads = 2;
  const std::vector<std::uint8_t> pixels = golden_images(count, 28, 28), labels = golden_labels(count);
  const auto first = static_cast<std::size_t>(count) * 6 / 7;
  for (const auto& [begin, end] : {std::pair{std::size_t{0}, first}, {first, labels.size()}}) {
    const std::string name = std::to_string(begin);
    const std::size_t size = 28 * 28;
    options.images.push_back(write_bytes(dir / ("images-" + name),
                                         std::string("\0\0\x08\x03", 4) + big_endian(end - begin) + big_endian(28) +
                                             big_endian(28) + std::string(&pixels[begin * size], &pixels[end * size])));
    options.labels.push_back(write_bytes(
        dir / ("labels-" + name),
        std::string("\0\0\x08\x01", 4) + big_endian(end - begin) + std::string(&labels[begin], &labels[end])));
  }
  return options;
}

struct Environment {
  std::vector<std::uint8_t> labels;
  std::vector<Image> images;
};

/// The environment in the order dealt, which the file names tell.
Environment read_environment(const Domain& domain) {
  Environment environment;
  environment.labels.resize(domain.samples.size());
  environment.images.resize(domain.samples.size());
  for (const Sample& sample : domain.samples) {
    const auto position = static_cast<std::size_t>(std::stoi(sample.path.filename().string()));
    environment.labels.at(position) = static_cast<std::uint8_t>(sample.label);
    environment.images[position] = decode_image(sample.path);
  }
  return environment;
}

bool mentions(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("permutations and uniform numbers are those of torch.randperm and torch.rand") {
  const int checked = each_golden("randperm", [](std::istream& words) {
    std::uint64_t seed = 0;
    int count = 0;
    std::uint32_t order = 0, following = 0;
    words >> seed >> count >> order >> following;
    TorchRandom random(seed);
    CHECK(crc(random.permutation(count)) == order);
    std::vector<float> values(1000);
    for (float& value : values) value = random.uniform();
    CHECK(crc(values) == following);
  });
  CHECK(checked == 6);
}

TEST_CASE("rotation equals Pillow's in every pixel, bilinear and bicubic") {
  const int checked = each_golden("rotate", [](std::istream& words) {
    std::string name;
    int height = 0, width = 0;
    double degrees = 0;
    std::uint32_t expected = 0;
    words >> name >> height >> width >> degrees >> expected;
    const Interpolation interpolation = name == "bicubic" ? Interpolation::kBicubic : Interpolation::kBilinear;
    const std::vector<std::uint8_t> images = golden_images(20, height, width);
    std::vector<std::uint8_t> rotated;
    const std::size_t size = static_cast<std::size_t>(height) * width;
    for (std::size_t at = 0; at < images.size(); at += size) {
      const auto one = rotate_grey(std::span(images).subspan(at, size), width, height, degrees, interpolation);
      rotated.insert(rotated.end(), one.begin(), one.end());
    }
    CHECK(crc(rotated) == expected);
  });
  CHECK(checked == 80);
  CHECK(mentions(error_of([] { rotate_grey(golden_images(1, 2, 2), 2, 2, 90, Interpolation::kBicubic); }), "90"));
}

TEST_CASE("rotated-mnist writes the images and labels of DomainBed's recipe") {
  const TemporaryFolder dir;
  MnistDomainsOptions options = write_digits(dir / "idx", 600, 3);
  for (const std::string name : {"bilinear", "bicubic"}) {
    options.interpolation = name == "bicubic" ? Interpolation::kBicubic : Interpolation::kBilinear;
    const ImageFolder folder = open_image_folder(make_rotated_mnist(dir / name, options).root);
    CHECK(folder.domains.size() == 6);
    CHECK(folder.domains[0].name == "00");
    CHECK(folder.domains[5].name == "75");
    const int checked = each_golden("rotated", [&](std::istream& words) {
      std::string golden_name;
      std::size_t seed = 0, count = 0, e = 0, size = 0;
      std::uint32_t pixels_crc = 0, labels_crc = 0;
      words >> golden_name >> seed >> count >> e >> size >> pixels_crc >> labels_crc;
      if (golden_name != name) return;
      const Environment environment = read_environment(folder.domains.at(e));
      CHECK(environment.labels.size() == size);
      CHECK(crc(environment.labels) == labels_crc);
      std::vector<std::uint8_t> grey;
      bool equal_channels = true;
      for (const Image& image : environment.images) {
        for (std::size_t i = 0; i < image.rgb.size(); i += 3) {
          grey.push_back(image.rgb[i]);
          equal_channels &= image.rgb[i] == image.rgb[i + 1] && image.rgb[i] == image.rgb[i + 2];
        }
      }
      CHECK(crc(grey) == pixels_crc);
      CHECK(equal_channels);
    });
    CHECK(checked == 12);
  }
}

TEST_CASE("colored-mnist deals, relabels and colours as PyTorch draws, at MNIST's size") {
  std::vector<std::vector<int>> dealt;
  TorchRandom random(0);  // goes on from one environment to the next
  const int checked = each_golden("colored", [&](std::istream& words) {
    constexpr float kFlips[] = {0.1f, 0.2f, 0.9f};
    std::uint64_t seed = 0;
    int count = 0;
    std::size_t e = 0, size = 0;
    std::uint32_t sources_crc = 0, labels_crc = 0, colors_crc = 0;
    words >> seed >> count >> e >> size >> sources_crc >> labels_crc >> colors_crc;
    if (e == 0) {
      random = TorchRandom(seed);
      dealt = deal_environments(count, 3, random);
    }
    CHECK(dealt[e].size() == size);
    CHECK(crc(dealt[e]) == sources_crc);
    std::vector<std::uint8_t> labels, colors;
    for (const ColoredDigit& digit : color_digits(dealt[e], golden_labels(count), kFlips[e], random)) {
      labels.push_back(static_cast<std::uint8_t>(digit.label));
      colors.push_back(static_cast<std::uint8_t>(digit.color));
    }
    CHECK(crc(labels) == labels_crc);
    CHECK(crc(colors) == colors_crc);
  });
  CHECK(checked == 6);
}

TEST_CASE("colored-mnist writes the image into the channel of its colour") {
  const TemporaryFolder dir;
  const MnistDomainsOptions options = write_digits(dir / "idx", 600, 3);
  const ImageFolder folder = open_image_folder(make_colored_mnist(dir / "out", options).root);
  const std::vector<std::uint8_t> originals = golden_images(600, 28, 28);
  TorchRandom random(3);
  const std::vector<std::vector<int>> dealt = deal_environments(600, 3, random);
  constexpr float kFlips[] = {0.1f, 0.2f, 0.9f};
  CHECK(folder.domains[0].name == "0_plus90");
  CHECK(folder.domains[1].name == "1_plus80");
  CHECK(folder.domains[2].name == "2_minus90");
  for (std::size_t e = 0; e < 3; ++e) {
    const Environment environment = read_environment(folder.domains[e]);
    const std::vector<ColoredDigit> digits = color_digits(dealt[e], golden_labels(600), kFlips[e], random);
    REQUIRE(environment.images.size() == digits.size());
    for (std::size_t i = 0; i < digits.size(); ++i) {
      CHECK(environment.labels[i] == digits[i].label);
      Image expected(28, 28);
      for (std::size_t at = 0; at < 28 * 28; ++at)
        expected.rgb[3 * at + static_cast<std::size_t>(digits[i].color)] =
            originals[static_cast<std::size_t>(digits[i].source) * 28 * 28 + at];
      CHECK(environment.images[i] == expected);
    }
  }
}

TEST_CASE("MNIST's 70,000 images are dealt as published") {
  TorchRandom random(0);
  std::vector<std::size_t> six, three;
  for (const auto& sources : deal_environments(70000, 6, random)) six.push_back(sources.size());
  for (const auto& sources : deal_environments(70000, 3, random)) three.push_back(sources.size());
  CHECK(six == std::vector<std::size_t>{11667, 11667, 11667, 11667, 11666, 11666});
  CHECK(three == std::vector<std::size_t>{23334, 23333, 23333});
}

TEST_CASE("digits made before are found again, other digits or options refused") {
  const TemporaryFolder dir;
  MnistDomainsOptions options = write_digits(dir / "idx", 60, 0);
  CHECK_FALSE(make_rotated_mnist(dir / "out", options).already_there);
  CHECK(make_rotated_mnist(dir / "out", options).already_there);
  CHECK_FALSE(make_colored_mnist(dir / "out", options).already_there);
  fs::rename(dir / "out" / "rotated_mnist" / "recipe.json", dir / "out" / "rotated_mnist" / "recipe.unfinished.json");
  CHECK_FALSE(make_rotated_mnist(dir / "out", options).already_there);
  options.interpolation = Interpolation::kBilinear;
  CHECK(mentions(error_of([&] { make_rotated_mnist(dir / "out", options); }), "is not empty"));
  CHECK(make_colored_mnist(dir / "out", options).already_there);
  options.images.pop_back();
  options.labels.pop_back();
  CHECK(mentions(error_of([&] { make_colored_mnist(dir / "out", options); }), "is not empty"));
}

TEST_CASE("files that are not digits with labels are named") {
  const TemporaryFolder dir;
  const MnistDomainsOptions good = write_digits(dir / "idx", 60, 0);
  const auto complaint = [&](const MnistDomainsOptions& options) {
    return error_of([&] { make_rotated_mnist(dir / "out", options); });
  };
  MnistDomainsOptions options = good;
  options.labels.pop_back();
  CHECK(mentions(complaint(options), "--images names 2 file(s) and --labels 1"));
  std::swap(options.images, options.labels);
  options.images = {good.labels[0]};
  options.labels = {good.labels[0]};
  CHECK(mentions(complaint(options), "dimensions"));
  options.images = {good.images[0]};
  options.labels = {good.labels[1]};
  CHECK(mentions(complaint(options), "one label for each of the 51 images"));
  std::string bytes = read_bytes(good.labels[0]);
  bytes.back() = 10;
  options.labels = {write_bytes(dir / "idx" / "bad", bytes)};
  CHECK(mentions(complaint(options), "has a label 10"));
}
