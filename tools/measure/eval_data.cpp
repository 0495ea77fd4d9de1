#include "tools/measure/eval_data.h"

#include <algorithm>
#include <cstdio>
#include <numeric>

#include "engine/core/check.h"
#include "tools/train/file_list.h"
#include "tools/train/open_data.h"

namespace dgsam {
namespace {

std::string joined(const std::vector<std::string>& names) {
  constexpr std::size_t kMostNamed = 8;
  std::string text;
  for (std::size_t i = 0; i < std::min(kMostNamed, names.size()); ++i) text += (i ? ", " : "") + names[i];
  if (names.size() > kMostNamed) text += " and " + std::to_string(names.size() - kMostNamed) + " more";
  return text;
}

/// Gives images the labels of the checkpoint. Returns what there is to say.
std::string take_labels(const Checkpoint& checkpoint, bool may_miss, ImageFolder& folder) {
  const std::vector<std::string>& known = checkpoint.classes;
  std::vector<int> label_of;
  std::vector<std::string> foreign, missing;
  for (const std::string& name : folder.classes) {
    const auto place = std::find(known.begin(), known.end(), name);
    if (place == known.end()) foreign.push_back(name);
    label_of.push_back(static_cast<int>(place - known.begin()));
  }
  for (const std::string& name : known) {
    if (std::find(folder.classes.begin(), folder.classes.end(), name) == folder.classes.end()) missing.push_back(name);
  }
  const std::string root = folder.root.string();
  require(foreign.empty(), root, " has the class(es) ", joined(foreign), ", which ", checkpoint.path,
          " does not know; it tells apart: ", joined(known));
  require(missing.empty() || may_miss, root, " has no image of the class(es) ", joined(missing), ", which ",
          checkpoint.path, " was trained for; --allow-missing-classes evaluates without");
  for (Domain& domain : folder.domains) {
    for (Sample& sample : domain.samples) sample.label = label_of[static_cast<std::size_t>(sample.label)];
  }
  folder.classes = known;
  return missing.empty() ? ""
                         : root + " has no image of " + joined(missing) + ": accuracies are over the other classes";
}

bool same_domains(const Checkpoint& checkpoint, const ImageFolder& folder) {
  return std::equal(checkpoint.domains.begin(), checkpoint.domains.end(), folder.domains.begin(), folder.domains.end(),
                    [](const std::string& name, const Domain& domain) { return name == domain.name; });
}

/// Whether the files of training's domains are others now.
std::string change_note(const Checkpoint& checkpoint, const ImageFolder& folder) {
  if (checkpoint.files_md5.empty() || !same_domains(checkpoint, folder)) return "";
  if (digest_of(file_list(folder)) == checkpoint.files_md5) return "";
  return "the data in " + folder.root.string() + " are not those that " + checkpoint.path +
         " was trained with: " + what_changed(std::filesystem::path(checkpoint.path).parent_path(), folder) +
         "; the in and out splits may be others, too";
}

}  // namespace

EvalData align_eval_data(const Checkpoint& checkpoint, const DataChoice& choice, const TrainConfig& config,
                         ImageFolder folder) {
  EvalData data;
  if (!choice.gives_data() || checkpoint.domains.empty()) {
    require_same_data(checkpoint, folder);
  } else if (const std::string note = take_labels(checkpoint, config.allow_missing_classes, folder); !note.empty()) {
    data.notes.push_back(note);
  }
  const std::vector<std::string>& trained = checkpoint.domains;
  const bool same = trained.empty() || !choice.gives_data() || same_domains(checkpoint, folder);
  const bool by_place = same || choice.test_env;  // what --test-env says is meant for these data
  const int test_env = by_place ? find_test_env(folder, config.test_env) : kNoTestEnv;
  std::vector<std::string> others;
  for (std::size_t i = 0; i < folder.domains.size(); ++i) {
    const Domain& domain = folder.domains[i];
    const auto place = std::find(trained.begin(), trained.end(), domain.name) - trained.begin();
    const int env = same ? static_cast<int>(i) : static_cast<int>(place);
    const bool is_new = !same && place == std::ssize(trained);
    if (is_new) {
      Split& split = data.splits.emplace_back();
      split.in.resize(domain.samples.size());
      std::iota(split.in.begin(), split.in.end(), 0);
      if (!domain.held_out.empty()) split = split_domain(domain, 0, 0, 0);
      others.push_back(domain.name);
    } else {
      data.splits.push_back(split_domain(domain, config.holdout, config.trial_seed, env));
    }
    const bool left_out = by_place ? test_env == static_cast<int>(i)
                                   : config.test_env == domain.name || config.test_env == std::to_string(env);
    data.unseen.push_back(is_new || left_out);
  }
  if (!others.empty()) {
    data.notes.push_back(checkpoint.path + " was trained with the domains " + joined(trained) + ": " + joined(others) +
                         (others.size() == 1 ? " is new to it" : " are new to it"));
  }
  data.folder = std::move(folder);
  return data;
}

EvalData open_eval_data(const Checkpoint& checkpoint, const DataChoice& choice) {
  const TrainConfig config = choice.over(checkpoint.config);
  ImageFolder folder = open_data(config, true);
  const std::string changes = change_note(checkpoint, folder);
  EvalData data = align_eval_data(checkpoint, choice, config, std::move(folder));
  if (!changes.empty()) data.notes.push_back(changes);
  for (const std::string& note : data.notes) std::fprintf(stderr, "note: %s\n", note.c_str());
  return data;
}

}  // namespace dgsam
