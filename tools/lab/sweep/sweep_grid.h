// Which hyperparameters a sweep tries.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace dgsam {

/// Values by the names of train's flags, with _ for -. Empty: train's defaults.
using HparamValues = nlohmann::ordered_json;

/// The SWAD paper's reduced search: lr 1e-5, 3e-5, 5e-5; dropout 0, 0.1, 0.5; weight decay 1e-4, 1e-6. The last varies
/// fastest.
std::vector<HparamValues> swad_grid();

/// From a JSON file: an object of lists (all combinations, the last name varies fastest) or a list of objects. Throws
/// Error that names the file and what is wrong, or two choices that are the same.
std::vector<HparamValues> grid_from_file(const std::string& path);

/// What DomainBed's train.py uses for --hparams_seed `number` and --trial_seed `trial`, to the bit: its defaults for
/// number 0, else draws of numpy's RandomState, seeded for each value by the MD5 of its name (hparams_registry.py). For
/// algorithms with a rho also that, as the SWAD repository draws SAM's.
HparamValues domainbed_hparams(const std::string& dataset, const std::string& algorithm, int number, int trial);

}  // namespace dgsam
