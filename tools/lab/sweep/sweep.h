// What a sweep is: a definition, and the jobs that follow from it. The design is docs/sweeps.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "tools/lab/sweep/sweep_grid.h"
#include "tools/train/train_config.h"

namespace dgsam {

/// The flags of `sweep launch` that say what is wanted, as sweep.json records them.
struct SweepDefinition {
  std::vector<std::string> datasets{"PACS"}, algorithms{"erm", "sam", "dgsam"};
  std::string test_envs = "all";  ///< or domains by index or name, by comma
  int trials = 3;
  std::string grid = "defaults";      ///< or "swad", "domainbed-random", or the file that the choices came from
  std::string search;                 ///< "first-trial" or "every-trial"
  int n_hparams = 0;                  ///< choices that are tried
  std::vector<HparamValues> choices;  ///< in full; empty for domainbed-random. Given ones stand in place of `grid`'s
  std::map<std::string, std::vector<int>> tried;  ///< by algorithm, indices of the choices it tries; not there: all
  std::vector<std::string> train;                 ///< flags for every job
  std::map<std::string, std::vector<std::string>> domains;  ///< of each data set, in index order

  nlohmann::ordered_json to_json() const;
  /// Throws Error that names the file and the field.
  static SweepDefinition from_json(const nlohmann::ordered_json& json, const std::string& where);
  bool random() const { return grid == "domainbed-random"; }
  /// Numbers of the choices that an algorithm tries.
  std::vector<int> hparams_of(const std::string& algorithm) const;
};

/// Fills in what follows from the flags: choices, search, domains. `given`: names of fields whose flags were given.
/// Throws Error that names the flag.
void resolve(SweepDefinition& definition, const std::set<std::string>& given);

/// One run of `train`.
struct SweepJob {
  std::string name;  ///< of its folder
  std::string dataset, algorithm, domain;
  int test_env = 0, trial = 0, hparams = 0;
  HparamValues values;
  std::uint64_t seed = 0;
  bool second_stage = false;  ///< with hyperparameters that the first stage chose
};

/// The jobs of a sweep in the order in which they run.
struct SweepJobs {
  std::vector<SweepJob> jobs;
  std::size_t waiting = 0;                  ///< jobs of the second stage that nothing is chosen for yet
  std::map<std::string, std::size_t> open;  ///< by data set, algorithm and domain: jobs of their search to be done
};

class Sweep {
 public:
  /// The sweep in `folder`; makes the folder and sweep.json if there is none, from `asked`, of which `given` names what
  /// was given. Given fields must agree with what sweep.json has, but for those of train's flags that may change
  /// between a run and its continuation. Throws Error that names the first that does not.
  static Sweep define(const std::filesystem::path& folder, SweepDefinition asked, const std::set<std::string>& given);
  /// The sweep in `folder`. Throws Error when there is none.
  static Sweep open(const std::filesystem::path& folder);

  const std::filesystem::path& folder() const { return folder_; }
  const SweepDefinition& definition() const { return definition_; }
  std::filesystem::path job_folder(const SweepJob& job) const { return folder_ / job.name; }
  std::filesystem::path run_folder(const SweepJob& job) const { return folder_ / job.name / "run"; }

  /// Every job that is known now. Reads what finished searches found, once.
  SweepJobs jobs();
  /// The arguments of dgsam-run: "train", "--resume", ...
  std::vector<std::string> arguments(const SweepJob& job) const;
  /// The job's configuration as train would resolve it. Throws Error for flags that train does not take.
  TrainConfig config(const SweepJob& job) const;
  /// job.json's contents.
  nlohmann::ordered_json describe(const SweepJob& job) const;

 private:
  Sweep(std::filesystem::path folder, SweepDefinition definition)
      : folder_(std::move(folder)), definition_(std::move(definition)) {}
  void check_jobs();
  SweepJob make_job(const std::string& dataset, const std::string& algorithm, int env, int trial, int hparams) const;
  /// Of the choices searched on trial 0, the one with the highest training-domain validation; -1 while jobs are open.
  int winner(const std::string& dataset, const std::string& algorithm, int env, SweepJobs& jobs);

  std::filesystem::path folder_;
  SweepDefinition definition_;
  std::map<std::string, int> winners_;
};

/// The domains of a data set that --test-envs names. Throws Error that lists them.
std::vector<int> test_envs_of(const SweepDefinition& definition, const std::string& dataset);

}  // namespace dgsam
