#include "tools/train/open_data.h"

#include <cstdio>

#include "data/datasets.h"
#include "data/manifest.h"

namespace dgsam {

ImageFolder open_data(const TrainConfig& config, bool aloud) {
  const DatasetSpec& dataset = find_dataset(config.dataset);
  const MissingClasses missing = config.allow_missing_classes ? MissingClasses::allow : MissingClasses::refuse;
  ImageFolder folder = config.manifest.empty() ? open_image_folder(dataset_root(dataset, config.data_dir), missing)
                                               : open_manifest(config.manifest, missing);
  if (!aloud) return folder;
  for (const std::string& note : folder.notes) std::fprintf(stderr, "note: %s\n", note.c_str());
  std::fprintf(stderr, "%s\n", verify_known(folder, dataset).c_str());
  return folder;
}

}  // namespace dgsam
