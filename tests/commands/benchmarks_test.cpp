// The five benchmarks as a user meets them, in small: the download as it unpacks, imported, checked, trained on,
// stopped, resumed, evaluated, predicted.
#include <doctest/doctest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "data/datasets.h"
#include "data/image.h"
#include "engine/core/rng.h"
#include "tests/process.h"
#include "tests/temporary_folder.h"
#include "tools/train/run_state.h"

namespace dgsam {
namespace {

namespace fs = std::filesystem;

/// A small image that tells its class by its brightness.
void make_image(const fs::path& path, std::size_t label, std::uint64_t number) {
  fs::create_directories(path.parent_path());
  RandomStream random(3, "benchmarks", label, number);
  Image image(12, 10);
  for (std::uint8_t& value : image.rgb) value = static_cast<std::uint8_t>(random.below(120) + label % 8 * 16);
  write_png(path, image);
}

/// dgsam-run in one folder: `data` for data sets, `raw` for downloads.
class Workplace {
 public:
  std::string path(const std::string& name) const { return folder_.file(name); }
  std::string said() const { return read_bytes(folder_ / "log"); }
  int run(const std::vector<std::string>& arguments) const { return Process(arguments, path("log")).wait(); }
  void expect(int status, const std::vector<std::string>& arguments) const {
    const int actual = run(arguments);
    REQUIRE_MESSAGE(actual == status, said());
  }
  nlohmann::json json(const std::string& name) const { return nlohmann::json::parse(read_bytes(folder_ / name)); }

 private:
  TemporaryFolder folder_;
};

/// `count` images in every domain/class below `root`.
void make_tree(const fs::path& root, const DatasetSpec& spec, int count) {
  for (std::size_t domain = 0; domain < spec.domains.size(); ++domain) {
    const std::string& name = spec.domains[domain].name;
    for (std::size_t label = 0; label < spec.classes.size(); ++label) {
      for (int i = 0; i < count; ++i) {
        make_image(root / name / spec.classes[label] / (std::to_string(i) + ".png"), label, domain * 100 + i);
      }
    }
  }
}

/// What follows an import: everything a user does with the data set. Domain 0 is left out.
void use(const Workplace& place, const DatasetSpec& spec) {
  const std::string data = place.path("data"), out = place.path("run");
  // The counts are not the published ones, and the check says so; every file can be decoded.
  place.expect(1, {"data", "check", spec.name, data, "--json"});
  CHECK(place.said().find(spec.domains.back().name) != std::string::npos);
  place.expect(0, {"data", "info", spec.name, data});

  const std::vector<std::string> train{"train",
                                       "--dataset",
                                       spec.name,
                                       "--data-dir",
                                       data,
                                       "--test-env",
                                       spec.domains[0].name,
                                       "--model",
                                       "mnist-cnn",
                                       "--steps",
                                       "3",
                                       "--eval-every",
                                       "2",
                                       "--batch-size",
                                       "2",
                                       "--out",
                                       out,
                                       "--algorithm",
                                       "dgsam",
                                       "--image-size",
                                       "16",
                                       "--sharpness-images",
                                       "4",
                                       "--save-every",
                                       "1",
                                       "--threads",
                                       "2",
                                       "--holdout",
                                       "0.4"};
  std::vector<std::string> first = train;
  place.expect(0, first);
  const std::string weights = read_bytes(out + "/last.safetensors");

  // Killed when there is a state, and resumed: the same bits.
  first.push_back("--overwrite");
  const Process killed(first, place.path("log"));
  while (fs::exists(out + "/done")) std::this_thread::sleep_for(std::chrono::milliseconds(1));  // the first run's
  while (!fs::exists(out + "/" + kStateFile) && !fs::exists(out + "/done")) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  killed.signal(SIGKILL);
  killed.wait();
  place.expect(0, {"train", "--resume", "--out", out});
  CHECK(read_bytes(out + "/last.safetensors") == weights);

  place.expect(0, {"eval", out + "/last.safetensors", "--data-dir", data, "--json", place.path("eval.json")});
  CHECK(place.json("eval.json").dump().find(spec.domains[0].name) != std::string::npos);
  const std::string domain = data + "/" + spec.root + "/" + spec.domains[0].name;
  place.expect(0, {"predict", out + "/last.safetensors", domain + "/" + spec.classes[0], "--json"});
  CHECK(place.said().find("\"probability\"") != std::string::npos);
}

/// For archives that unpack to `folder`/domain/class.
void import_and_use(const std::string& name, const std::string& command, const std::string& folder, int count) {
  const Workplace place;
  const DatasetSpec& spec = find_dataset(name);
  make_tree(place.path("raw/" + folder), spec, count);
  place.expect(0, {"data", "import", command, "--from", place.path("raw"), "--out", place.path("data")});
  use(place, spec);
}

TEST_CASE("PACS: from the unpacked kfold folder to predictions") { import_and_use("PACS", "pacs", "kfold", 5); }

TEST_CASE("VLCS: from the unpacked archive to predictions") { import_and_use("VLCS", "vlcs", "VLCS", 5); }

TEST_CASE("OfficeHome: from the unpacked archive to predictions") {
  import_and_use("OfficeHome", "office-home", "OfficeHomeDataset_10072016", 2);
}

TEST_CASE("DomainNet: from six unpacked archives and the list of duplicates to predictions") {
  const Workplace place;
  const DatasetSpec& spec = find_dataset("DomainNet");
  make_tree(place.path("raw"), spec, 1);
  const std::string duplicate = "real/" + spec.classes[7] + "/again.png";
  make_image(fs::path(place.path("raw")) / duplicate, 7, 1);
  write_bytes(place.path("duplicates.txt"), duplicate + "\n");
  place.expect(0, {"data", "import", "domainnet", "--from", place.path("raw"), "--duplicates",
                   place.path("duplicates.txt"), "--out", place.path("data")});
  CHECK(!fs::exists(place.path("data/domain_net/" + duplicate)));
  CHECK(fs::exists(place.path("raw/" + duplicate)));
  use(place, spec);
}

TEST_CASE("TerraIncognita: from camera-trap images and annotations to predictions") {
  const Workplace place;
  const DatasetSpec& spec = find_dataset("TerraIncognita");
  nlohmann::json annotations{{"images", nlohmann::json::array()}, {"annotations", nlohmann::json::array()}};
  for (std::size_t label = 0; label < spec.classes.size(); ++label) {
    annotations["categories"].push_back({{"id", label}, {"name", spec.classes[label]}});
  }
  int number = 0;
  for (const KnownDomain& domain : spec.domains) {
    for (std::size_t label = 0; label < spec.classes.size(); ++label) {
      for (int i = 0; i < 3; ++i, ++number) {
        const std::string name = "image" + std::to_string(number) + ".png";
        make_image(fs::path(place.path("raw/eccv_18_all_images_sm")) / name, label, number);
        annotations["images"].push_back(
            {{"id", number}, {"file_name", name}, {"location", std::stoi(domain.name.substr(9))}});
        annotations["annotations"].push_back({{"id", number}, {"image_id", number}, {"category_id", label}});
      }
    }
  }
  write_bytes(place.path("annotations.json"), annotations.dump());
  place.expect(0, {"data", "import", "terra-incognita", "--images", place.path("raw"), "--annotations",
                   place.path("annotations.json"), "--out", place.path("data")});
  use(place, spec);
}

}  // namespace
}  // namespace dgsam
