// Names and their order in tables.
#include <algorithm>
#include <array>
#include <set>

#include "tools/lab/collect/collect.h"

namespace dgsam {

namespace {

struct NamedDataset {
  const char* name;
  std::vector<std::string> domains;
};

/// DomainBed's data sets, in the order of its tables, and what it calls their domains there (its datasets.py).
const std::vector<NamedDataset>& domainbed_datasets() {
  static const std::vector<std::string> spawrious{"Test", "SC_group_1", "SC_group_2"};
  static const std::vector<NamedDataset> datasets{
      {"Debug28", {"0", "1", "2"}},
      {"Debug224", {"0", "1", "2"}},
      {"ColoredMNIST", {"+90%", "+80%", "-90%"}},
      {"RotatedMNIST", {"0", "15", "30", "45", "60", "75"}},
      {"VLCS", {"C", "L", "S", "V"}},
      {"PACS", {"A", "C", "P", "S"}},
      {"OfficeHome", {"A", "C", "P", "R"}},
      {"TerraIncognita", {"L100", "L38", "L43", "L46"}},
      {"DomainNet", {"clip", "info", "paint", "quick", "real", "sketch"}},
      {"SVIRO", {"aclass", "escape", "hilux", "i3", "lexus", "tesla", "tiguan", "tucson", "x5", "zoe"}},
      {"WILDSCamelyon", {"hospital_0", "hospital_1", "hospital_2", "hospital_3", "hospital_4"}},
      {"WILDSFMoW", {"region_0", "region_1", "region_2", "region_3", "region_4", "region_5"}},
      {"SpawriousO2O_easy", spawrious},
      {"SpawriousO2O_medium", spawrious},
      {"SpawriousO2O_hard", spawrious},
      {"SpawriousM2M_easy", spawrious},
      {"SpawriousM2M_medium", spawrious},
      {"SpawriousM2M_hard", spawrious}};
  return datasets;
}

/// DomainBed's algorithms in the order of its tables (its algorithms.py), then this repository's.
constexpr std::array kAlgorithms = {
    "ERM",      "ERMPlusPlus",   "Fish",        "IRM",    "GroupDRO", "Mixup",  "MLDG",   "CORAL", "MMD",
    "DANN",     "CDANN",         "MTL",         "SagNet", "ARM",      "VREx",   "RSC",    "SD",    "ANDMask",
    "SANDMask", "IGA",           "SelfReg",     "Fishr",  "TRM",      "IB_ERM", "IB_IRM", "CAD",   "CondCAD",
    "Transfer", "CausIRL_CORAL", "CausIRL_MMD", "EQRM",   "RDM",      "ADRMX",  "URM",    "erm",   "sam",
    "gsam",     "sagm",          "disam",       "gga-l",  "dgsam"};

/// Sorted by place(name), then by name.
template <class Place>
std::vector<std::string> ordered(const std::set<std::string>& names, const Place& place) {
  std::vector<std::string> result(names.begin(), names.end());
  std::stable_sort(result.begin(), result.end(),
                   [&](const std::string& a, const std::string& b) { return place(a) < place(b); });
  return result;
}

}  // namespace

std::vector<std::string> dataset_names(const Collection& collection) {
  std::set<std::string> names;
  for (const ResultRecord& record : collection.records) names.insert(collection.runs[record.run].dataset);
  return ordered(names, [](const std::string& name) {
    const auto& known = domainbed_datasets();
    return std::find_if(known.begin(), known.end(), [&](const NamedDataset& one) { return one.name == name; }) -
           known.begin();
  });
}

std::vector<std::string> algorithm_names(const Collection& collection) {
  std::set<std::string> names;
  for (const ResultRecord& record : collection.records) names.insert(collection.runs[record.run].algorithm);
  return ordered(names, [](const std::string& name) {
    const std::string plain = name.substr(0, name.find(" + "));  // with SWAD it follows the one without
    return std::find(kAlgorithms.begin(), kAlgorithms.end(), plain) - kAlgorithms.begin();
  });
}

std::vector<std::string> domain_labels(const Collection& collection, const std::string& dataset) {
  for (const NamedDataset& known : domainbed_datasets()) {
    if (known.name == dataset) return known.domains;
  }
  std::vector<std::string> labels;
  std::size_t domains = 0;
  for (const ResultRecord& record : collection.records) {
    const CollectedRun& run = collection.runs[record.run];
    if (run.dataset != dataset) continue;
    if (labels.empty()) labels = run.domains;
    domains = std::max(domains, record.in.size());
  }
  for (std::size_t i = labels.size(); i < domains; ++i) labels.push_back(std::to_string(i));
  return labels;
}

}  // namespace dgsam
