// dgsam-run data import and data make, from the command line to the files.
#include <doctest/doctest.h>

#include "data/datasets.h"
#include "data/image_folder.h"
#include "tests/temporary_folder.h"
#include "tools/commands/commands.h"

using namespace dgsam;

namespace {

namespace fs = std::filesystem;

/// Runs `dgsam-run data <words>`. Throws what the program would report.
void run_data(std::vector<std::string> words) {
  CLI::App app{"", "dgsam-run"};
  add_data_command(app);
  words.insert(words.begin(), "data");
  std::reverse(words.begin(), words.end());  // CLI11 takes them last first
  app.parse(words);
}

void write_pacs(const fs::path& root) {
  for (const KnownDomain& domain : find_dataset("PACS").domains) {
    for (const std::string& name : find_dataset("PACS").classes)
      write_bytes(root / domain.name / name / "pic_1.jpg", domain.name + name);
  }
}

/// 60 black digits of 4 x 4 pixels.
void write_digits(const fs::path& images, const fs::path& labels) {
  std::string text("\0\0\x08\x01\0\0\0\x3C", 8);
  for (int i = 0; i < 60; ++i) text += static_cast<char>(i % 10);
  write_bytes(labels, text);
  write_bytes(images, std::string("\0\0\x08\x03\0\0\0\x3C\0\0\0\x04\0\0\0\x04", 16) + std::string(60 * 16, '\0'));
}

}  // namespace

TEST_CASE("data import places the files by the kind of link asked for") {
  const TemporaryFolder dir;
  write_pacs(dir / "downloads" / "kfold");
  const fs::path name = fs::path("PACS") / "photo" / "dog" / "pic_1.jpg";
  const fs::path source = dir / "downloads" / "kfold" / "photo" / "dog" / "pic_1.jpg";
  for (const std::string link : {"auto", "hardlink", "symlink", "copy"}) {
    run_data({"import", "pacs", "--from", dir.file("downloads"), "--out", dir.file(link), "--link", link});
    CHECK(open_image_folder(dir / link / "PACS").domains.size() == 4);
    CHECK(fs::equivalent(dir / link / name, source) == (link != "copy"));
    CHECK(fs::is_symlink(dir / link / name) == (link == "symlink"));
  }
  CHECK_THROWS_WITH_AS(
      run_data({"import", "pacs", "--from", dir.file("downloads"), "--out", dir.file("x"), "--link", "move"}),
      "--link: move not in {auto,hardlink,symlink,copy}", CLI::ValidationError);
}

TEST_CASE("data import terra-incognita and domainnet take the files that they need") {
  const TemporaryFolder dir;
  fs::create_directories(dir / "images");
  const std::string images = dir.file("images"), out = dir.file("out"), list = dir.file("list.txt");
  CHECK_THROWS_AS(run_data({"import", "terra-incognita", "--images", images, "--out", out}), CLI::RequiredError);
  CHECK_THROWS_AS(run_data({"import", "domainnet", "--from", images, "--out", out}), CLI::RequiredError);
  write_bytes(list, "a/b/c\n");
  CHECK(error_of([&] {
          run_data({"import", "domainnet", "--from", images, "--out", out, "--duplicates", list});
        }).find("is not DomainNet") != std::string::npos);
  CHECK(error_of([&] {
          run_data({"import", "terra-incognita", "--images", images, "--out", out, "--annotations", list});
        }).find("cannot be read as JSON") != std::string::npos);
}

TEST_CASE("data make joins several IDX files, and tells the interpolations apart") {
  const TemporaryFolder dir;
  write_digits(dir / "images", dir / "labels");
  const std::vector<std::string> files = {"--images", dir.file("images"), "--images", dir.file("images"),
                                          "--labels", dir.file("labels"), "--labels", dir.file("labels"),
                                          "--out",    dir.file("out")};
  const auto make = [&](std::vector<std::string> words) {
    words.insert(words.end(), files.begin(), files.end());
    words.insert(words.begin(), "make");
    run_data(words);
  };
  make({"rotated-mnist"});
  make({"rotated-mnist", "--interpolation", "bicubic"});
  make({"colored-mnist", "--seed", "4"});
  std::int64_t images = 0;
  for (const auto& entry : fs::recursive_directory_iterator(dir / "out" / "rotated_mnist"))
    images += entry.path().extension() == ".png";
  CHECK(images == 120);
  CHECK(open_image_folder(dir / "out" / "colored_mnist").domains[2].samples.size() == 40);
  CHECK(read_bytes(dir / "out" / "colored_mnist" / "recipe.json").find("\"seed\": 4") != std::string::npos);
  CHECK(error_of([&] {
          make({"rotated-mnist", "--interpolation", "bilinear"});
        }).find("is not empty") != std::string::npos);
}
