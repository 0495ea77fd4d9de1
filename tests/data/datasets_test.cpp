#include "data/datasets.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>

#include "data/splits.h"
#include "tests/temporary_folder.h"

using namespace dgsam;

namespace {

bool mentions(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// The folder that `spec` describes, with these numbers of images per domain; nothing of it is on disk.
ImageFolder folder_of(const DatasetSpec& spec, const std::vector<std::int64_t>& images) {
  ImageFolder folder;
  folder.root = "data/" + spec.root;
  folder.classes = spec.classes;
  for (std::size_t i = 0; i < spec.domains.size(); ++i)
    folder.domains.push_back({spec.domains[i].name, std::vector<Sample>(static_cast<std::size_t>(images[i]))});
  return folder;
}

ImageFolder folder_of(const std::string& dataset) {
  const DatasetSpec& spec = find_dataset(dataset);
  return folder_of(spec, spec.vintages[0].images);
}

std::string verification(const ImageFolder& folder, const std::string& dataset) {
  return error_of([&] { verify_known(folder, find_dataset(dataset)); });
}

}  // namespace

TEST_CASE("the totals are those that papers print") {
  const auto total = [](const char* name, std::size_t vintage = 0) {
    return find_dataset(name).vintages.at(vintage).total();
  };
  CHECK(total("PACS") == 9991);
  CHECK(total("VLCS") == 10729);
  CHECK(total("OfficeHome") == 15588);
  CHECK(total("TerraIncognita") == 24788);
  CHECK(total("TerraIncognita", 1) == 24330);
  CHECK(total("DomainNet") == 586575);
  CHECK(total("DomainNet", 1) == 586575 + 9431);  // as many as the list of duplicates has lines
  CHECK(total("RotatedMNIST") == 70000);
  CHECK(total("ColoredMNIST") == 70000);
}

TEST_CASE("every data set's facts fit together: sizes, byte order, sums over classes") {
  for (const DatasetSpec& spec : known_datasets()) {
    CAPTURE(spec.name);
    CHECK(std::is_sorted(spec.classes.begin(), spec.classes.end()));
    CHECK(std::adjacent_find(spec.classes.begin(), spec.classes.end()) == spec.classes.end());
    for (std::size_t i = 1; i < spec.domains.size(); ++i) CHECK(spec.domains[i - 1].name < spec.domains[i].name);
    for (const Vintage& vintage : spec.vintages) {
      CHECK(vintage.images.size() == spec.domains.size());
      for (std::size_t i = 0; i < vintage.class_images.size(); ++i) {
        const std::vector<std::int64_t>& classes = vintage.class_images[i];
        CHECK(classes.size() == spec.classes.size());
        CHECK(std::accumulate(classes.begin(), classes.end(), std::int64_t{0}) == vintage.images[i]);
      }
    }
  }
  const auto classes = [](const char* name) { return find_dataset(name).classes.size(); };
  CHECK(classes("PACS") == 7);
  CHECK(classes("VLCS") == 5);
  CHECK(classes("OfficeHome") == 65);
  CHECK(classes("TerraIncognita") == 10);
  CHECK(classes("DomainNet") == 345);
  CHECK(classes("RotatedMNIST") == 10);
  CHECK(classes("ColoredMNIST") == 2);
}

TEST_CASE("the published counts split into the protocol's in and out sizes") {
  const std::vector<std::pair<std::string, std::vector<std::size_t>>> kInSizes = {
      {"PACS", {1639, 1876, 1336, 3144}},
      {"VLCS", {1132, 2125, 2626, 2701}},
      {"OfficeHome", {1942, 3492, 3552, 3486}},
      {"TerraIncognita", {3904, 7814, 3216, 4898}},
      {"DomainNet", {38504, 41284, 57813, 138000, 138358, 55303}}};
  for (const auto& [name, sizes] : kInSizes) {
    CAPTURE(name);
    const std::vector<std::int64_t>& images = find_dataset(name).vintages[0].images;
    for (std::size_t env = 0; env < images.size(); ++env)
      CHECK(split_indices(images[env], 0.2, 0, static_cast<int>(env)).in.size() == sizes[env]);
  }
}

TEST_CASE("training defaults are SWAD's, with DomainBed's first schedule beside them") {
  const TrainingDefaults pacs = find_dataset("PACS").training;
  CHECK(pacs.steps == 5001);
  CHECK(pacs.eval_every == 200);
  CHECK(pacs.batch_size == 32);
  CHECK(pacs.lr == 5e-5);
  CHECK(pacs.model == "resnet50");
  CHECK(pacs.image_size == 224);
  CHECK(find_dataset("PACS").domainbed_2020.eval_every == 300);
  CHECK(find_dataset("DomainNet").training.steps == 15001);
  CHECK(find_dataset("DomainNet").training.eval_every == 1000);
  CHECK(find_dataset("DomainNet").domainbed_2020.steps == 5001);
  const TrainingDefaults mnist = find_dataset("ColoredMNIST").training;
  CHECK(mnist.model == "mnist-cnn");
  CHECK(mnist.channels == 2);
  CHECK(mnist.batch_size == 64);
  CHECK(!mnist.augment);
  CHECK(!mnist.imagenet_normalisation);
  CHECK(find_dataset("RotatedMNIST").training.channels == 1);
}

TEST_CASE("an unknown data set is answered with the known ones") {
  const std::string error = error_of([] { find_dataset("pacs"); });
  CHECK(mentions(error, "--dataset pacs"));
  CHECK(mentions(error, "folder, PACS, VLCS, OfficeHome, TerraIncognita, DomainNet, RotatedMNIST, ColoredMNIST"));
}

TEST_CASE("a data set is found from its root, from the folder above, and under the name its archive gives it") {
  const TemporaryFolder dir;
  const DatasetSpec& pacs = find_dataset("PACS");
  std::filesystem::create_directories(dir / "a" / "PACS" / "photo");
  std::filesystem::create_directories(dir / "b" / "kfold" / "photo");
  std::filesystem::create_directories(dir / "c" / "office_home" / "Real_World");
  CHECK(dataset_root(pacs, dir / "a") == dir / "a" / "PACS");
  CHECK(dataset_root(pacs, dir / "a" / "PACS") == dir / "a" / "PACS");
  CHECK(dataset_root(pacs, dir / "b") == dir / "b" / "kfold");
  CHECK(dataset_root(find_dataset("OfficeHome"), dir / "c") == dir / "c" / "office_home");
  CHECK(dataset_root(find_dataset("folder"), dir / "a") == dir / "a");
}

TEST_CASE("a data set that is not there is an error with what was expected, where, and what is there") {
  const TemporaryFolder dir;
  const DatasetSpec& pacs = find_dataset("PACS");
  std::filesystem::create_directories(dir / "PACS" / "Sketches");
  std::filesystem::create_directories(dir / "other");
  const std::string error = error_of([&] { dataset_root(pacs, dir.path()); });
  CHECK(mentions(error, "art_painting, cartoon, photo, sketch"));
  CHECK(mentions(error, dir.file("PACS") + " holds Sketches"));
  CHECK(mentions(error, dir.path().string() + " holds PACS, other"));
  const std::string absent = error_of([&] { dataset_root(pacs, dir / "other"); });
  CHECK(mentions(absent, dir.file("other") + "/PACS is not a folder"));
  CHECK(mentions(absent, dir.file("other") + " holds no folder"));
  CHECK(mentions(error_of([&] { dataset_root(pacs, dir / "none"); }), "none is not a folder"));
}

TEST_CASE("a known data set passes, and says which of its published versions it is") {
  CHECK(verify_known(folder_of("PACS"), find_dataset("PACS")) == "PACS: 9,991 images, as published");
  const DatasetSpec& terra = find_dataset("TerraIncognita");
  CHECK(mentions(verify_known(folder_of(terra, terra.vintages[0].images), terra), "24,788 images, as built from"));
  CHECK(mentions(verify_known(folder_of(terra, terra.vintages[1].images), terra), "24,330 images, as built from"));
  CHECK(verify_known(folder_of(terra, {4741, 9736, 3971, 5880}), terra) ==
        "TerraIncognita: 24,328 images; 24,330 are expected " + terra.vintages[1].name +
            ": location_43 +1, location_46 -3");
  const DatasetSpec& net = find_dataset("DomainNet");
  CHECK(mentions(verify_known(folder_of(net, net.vintages[1].images), net), "the duplicates have not been removed"));
  CHECK(verify_known(folder_of("PACS"), find_dataset("folder")) == "folder: 9,991 images in 4 domain(s)");
}

TEST_CASE("other spellings of a domain are accepted where they keep its index") {
  ImageFolder home = folder_of("OfficeHome");
  home.domains[3].name = "Real_World";
  CHECK(mentions(verify_known(home, find_dataset("OfficeHome")), "15,588 images, as published"));

  ImageFolder vlcs = folder_of("VLCS");  // the names of Dassl sort in another order
  const char* names[] = {"CALTECH", "LABELME", "PASCAL", "SUN"};
  for (std::size_t i = 0; i < 4; ++i) vlcs.domains[i].name = names[i];
  const std::string error = verification(vlcs, "VLCS");
  CHECK(mentions(error, "'SUN' sorts as domain 3, but papers know it as 2; rename it to 'SUN09'"));
}

TEST_CASE("a domain too many, too few or twice is an error that names it") {
  ImageFolder folder = folder_of("PACS");
  folder.domains.insert(folder.domains.begin(), {"Splits", {}});
  CHECK(mentions(verification(folder, "PACS"), "its folder 'Splits' is none of the domains art_painting"));
  folder = folder_of("PACS");
  folder.domains.erase(folder.domains.begin() + 1);
  CHECK(mentions(verification(folder, "PACS"), "domain 'cartoon' is missing"));
  folder = folder_of("OfficeHome");
  folder.domains.push_back({"Real_World", {}});
  CHECK(mentions(verification(folder, "OfficeHome"), "both 'Real World' and 'Real_World' are names of one domain"));
}

TEST_CASE("a class too many, too few or in other letter case is an error that names it") {
  ImageFolder folder = folder_of("PACS");
  folder.classes.insert(folder.classes.begin(), "cat");
  CHECK(mentions(verification(folder, "PACS"), "have a class 'cat' that it does not have"));
  folder = folder_of("PACS");
  folder.classes.erase(folder.classes.begin() + 2);
  const std::string missing = verification(folder, "PACS");
  CHECK(mentions(missing, "class 'giraffe' is missing"));
  CHECK(mentions(missing, "6 of 7"));
  folder = folder_of("OfficeHome");
  folder.classes[0] = "alarm_clock";
  std::sort(folder.classes.begin(), folder.classes.end());
  CHECK(mentions(verification(folder, "OfficeHome"), "class 'alarm_clock' is called 'Alarm_Clock' there"));
}

TEST_CASE("digits are grouped in threes") {
  CHECK(grouped_digits(0) == "0");
  CHECK(grouped_digits(999) == "999");
  CHECK(grouped_digits(-1000) == "-1,000");
  CHECK(grouped_digits(-999) == "-999");
  CHECK(grouped_digits(1234567) == "1,234,567");
}
