#include "data/datasets.h"

#include "engine/core/check.h"

namespace dgsam {

const std::vector<DatasetSpec>& known_datasets() {
  static const std::vector<DatasetSpec> kDatasets = {
      {"folder", "", 5001, 200, "any tree root/domain/class/image"},
      {"PACS", "PACS", 5001, 200, "art_painting cartoon photo sketch, 7 classes"},
      {"VLCS", "VLCS", 5001, 200, "Caltech101 LabelMe SUN09 VOC2007, 5 classes"},
      {"OfficeHome", "office_home", 5001, 200, "Art Clipart Product Real World, 65 classes"},
      {"TerraIncognita", "terra_incognita", 5001, 200, "location_100 _38 _43 _46, 10 classes"},
      {"DomainNet", "domain_net", 15001, 1000, "clipart infograph painting quickdraw real sketch, 345 classes"},
  };
  return kDatasets;
}

const DatasetSpec& find_dataset(const std::string& name) {
  std::string known;
  for (const DatasetSpec& spec : known_datasets()) {
    if (spec.name == name) return spec;
    known += (known.empty() ? "" : ", ") + spec.name;
  }
  fail("--dataset ", name, " is not known: it is one of ", known);
}

std::filesystem::path dataset_root(const DatasetSpec& spec, const std::filesystem::path& data_dir) {
  require(std::filesystem::is_directory(data_dir), "--data-dir ", data_dir.string(), " is not a folder");
  if (!spec.root.empty() && std::filesystem::is_directory(data_dir / spec.root)) return data_dir / spec.root;
  return data_dir;
}

}  // namespace dgsam
