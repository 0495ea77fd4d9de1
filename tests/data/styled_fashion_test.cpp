#include "data/styled_fashion.h"

#include <doctest/doctest.h>

#include <set>

#include "data/image.h"
#include "data/image_folder.h"
#include "tests/temporary_folder.h"

using namespace dgsam;

namespace {

namespace fs = std::filesystem;

std::string big_endian(unsigned value) {
  return {static_cast<char>(value >> 24), static_cast<char>(value >> 16), static_cast<char>(value >> 8),
          static_cast<char>(value)};
}

/// Stand-ins for Fashion-MNIST: 150 + 50 square "garments" of differing sizes and shades, labels 0 .. 9 in turn.
void write_garments(const fs::path& dir) {
  for (const auto& [part, count] : {std::pair{"train", 150u}, {"t10k", 50u}}) {
    std::string images = std::string("\0\0\x08\x03", 4) + big_endian(count) + big_endian(28) + big_endian(28);
    std::string labels = std::string("\0\0\x08\x01", 4) + big_endian(count);
    for (unsigned i = 0; i < count; ++i) {
      const int reach = 4 + static_cast<int>(i % 9);
      for (int y = -14; y < 14; ++y) {
        for (int x = -14; x < 14; ++x)
          images += static_cast<char>(std::abs(x) < reach && std::abs(y) < reach ? 90 + i : 0);
      }
      labels += static_cast<char>(i % 10);
    }
    write_bytes(dir / (std::string(part) + "-images-idx3-ubyte"), images);
    write_bytes(dir / (std::string(part) + "-labels-idx1-ubyte"), labels);
  }
}

StyledFashionOptions small_options(const fs::path& idx_dir) {
  StyledFashionOptions options;
  options.images_per_domain = 40;
  options.upstream = 40;
  options.idx_dir = idx_dir;
  options.threads = 2;
  return options;
}

bool mentions(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("styled-fashion is a PACS-shaped tree whose sources are all different") {
  const TemporaryFolder dir;
  write_garments(dir / "idx");
  std::int64_t reported = 0;
  const StyledFashion made = make_styled_fashion(dir / "out", small_options(dir / "idx"),
                                                 [&](std::int64_t done, std::int64_t) { reported = done; });
  CHECK_FALSE(made.already_there);
  CHECK(reported == 200);
  std::set<std::string> sources;
  for (const auto& [root, domains] : {std::pair{made.root, 4u}, {made.upstream, 1u}}) {
    const ImageFolder folder = open_image_folder(root);
    CHECK(folder.domains.size() == domains);
    CHECK(folder.classes.size() == 10);
    for (const Domain& domain : folder.domains) {
      CHECK(domain.samples.size() == 40);
      for (const Sample& sample : domain.samples) {
        CHECK(sources.insert(sample.path.filename().string()).second);
        const int source = std::stoi(sample.path.filename().string());
        const std::string label = fashion_classes()[source < 150 ? source % 10 : (source - 150) % 10];
        CHECK(folder.classes[sample.label] == label);
      }
    }
  }
  CHECK(sources.size() == 200);
  CHECK(open_image_folder(made.root).domains[3].name == "sketch");
}

TEST_CASE("the images have the size asked for, and depend on the options but not on the threads") {
  const TemporaryFolder dir;
  write_garments(dir / "idx");
  StyledFashionOptions options = small_options(dir / "idx");
  options.image_size = 48;
  const ImageFolder one = open_image_folder(make_styled_fashion(dir / "one", options).root);
  options.threads = 1;
  const ImageFolder same = open_image_folder(make_styled_fashion(dir / "same", options).root);
  options.seed = 1;
  const ImageFolder other = open_image_folder(make_styled_fashion(dir / "other", options).root);
  int equal_names = 0;
  for (std::size_t d = 0; d < 4; ++d) {
    for (std::size_t i = 0; i < one.domains[d].samples.size(); ++i) {
      const Image image = decode_image(one.domains[d].samples[i].path);
      CHECK(image.width == 48);
      CHECK(image.height == 48);
      CHECK(image == decode_image(same.domains[d].samples[i].path));
      equal_names += one.domains[d].samples[i].path.filename() == other.domains[d].samples[i].path.filename();
    }
  }
  CHECK(equal_names < 80);
}

TEST_CASE("the same recipe is found again, an interrupted one completed, anything else left alone") {
  const TemporaryFolder dir;
  write_garments(dir / "idx");
  StyledFashionOptions options = small_options(dir / "idx");
  make_styled_fashion(dir / "out", options);
  CHECK(make_styled_fashion(dir / "out", options).already_there);

  fs::rename(dir / "out" / "recipe.json", dir / "out" / "recipe.unfinished.json");
  CHECK_FALSE(make_styled_fashion(dir / "out", options).already_there);
  CHECK(make_styled_fashion(dir / "out", options).already_there);

  options.seed = 7;
  CHECK(mentions(error_of([&] { make_styled_fashion(dir / "out", options); }), "is not empty"));
  write_bytes(dir / "mine" / "thesis.tex", "precious");
  CHECK(mentions(error_of([&] { make_styled_fashion(dir / "mine", options); }), "is not empty"));
  CHECK(fs::exists(dir / "mine" / "thesis.tex"));
}

TEST_CASE("too many images, bad sizes and missing photographs are errors") {
  const TemporaryFolder dir;
  write_garments(dir / "idx");
  StyledFashionOptions options = small_options(dir / "idx");
  options.upstream = 41;
  CHECK(mentions(error_of([&] { make_styled_fashion(dir / "a", options); }), "need 201 different photographs"));
  options = small_options(dir / "nowhere");
  CHECK(mentions(error_of([&] { make_styled_fashion(dir / "b", options); }), "dataset-fashion-mnist"));
  options.image_size = 5;
  CHECK(mentions(error_of([&] { make_styled_fashion(dir / "c", options); }), "image size: 5"));
}
