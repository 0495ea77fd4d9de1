#include "tools/train/run_start.h"

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

#include "engine/core/check.h"
#include "models/parameters.h"
#include "tools/terminal/versions.h"
#include "tools/train/file_list.h"
#include "tools/train/run_state.h"

namespace dgsam {

namespace {

using Json = nlohmann::ordered_json;

void print_note(const std::string& note) { std::fprintf(stderr, "note: %s\n", note.c_str()); }

/// config.json: every value of the configuration, and what it was found to mean.
Json describe(const RunSetup& setup, const std::vector<std::string>& notes) {
  const RunData& data = setup.data;
  Json json = setup.config.to_json();
  json["root"] = data.folder.root.string();
  json["files_md5"] = data.files_md5;
  json["classes"] = data.folder.classes;
  json["domains"] = Json::array();
  for (int domain = 0; domain < data.domains(); ++domain) {
    const auto at = static_cast<std::size_t>(domain);
    json["domains"].push_back({{"name", data.name(domain)},
                               {"images", data.folder.domains[at].samples.size()},
                               {"in", data.splits[at].in.size()},
                               {"out", data.splits[at].out.size()}});
  }
  json["mean"] = data.transform.mean;
  json["std"] = data.transform.std;
  json["images"] = setup.images->text();
  json["backend"] = setup.backend.name();
  json["cpu"] = cpu_name();
  json["cpu_threads"] = setup.threads();
  json["parameters"] = setup.theta.layout().parameters();
  json["arena_mb"] = static_cast<double>(setup.arena()->bytes()) / 1e6;
  json["notes"] = notes;
  for (const auto& [name, version] : versions()) json["versions"][name] = version;
  return json;
}

/// Parameters and buffers before the first step; what there is to say about them.
std::vector<std::string> set_initial_values(RunSetup& setup) {
  const Graph& graph = setup.gradient->graph();
  const TrainConfig& config = setup.config;
  initialise(graph, setup.backend, setup.theta, config.seed);
  initialise_statistics(graph, setup.backend, setup.statistics);
  if (!config.weights.empty()) {
    return load_weights(config.weights, graph, setup.backend, setup.theta, setup.statistics).notes;
  }
  if (!config.freeze_bn || setup.statistics.layout().parameters() == 0) return {};
  return {
      "without --weights, frozen batch norm keeps its initial statistics and normalises nothing: training "
      "will be poor. Give --weights, or train with --freeze-bn off"};
}

void start(RunSetup& setup, RunFiles& files) {
  const std::vector<std::string> notes = set_initial_values(setup);
  for (const std::string& note : notes) print_note(note);
  if (!setup.data.holds_out()) {
    print_note(
        "no image of a training domain is held out: no checkpoint is selected by training-domain validation, and "
        "best.safetensors is the last one");
  }
  files.begin();
  if (setup.config.tensorboard) files.open_events(0);
  files.write("program.txt", setup.program().dump());
  files.write(kFileList, compressed_list(file_list(setup.data.folder)));
  files.write_json("config.json", describe(setup, notes));
}

/// Throws Error when the data are not those that the run was begun with; notes what else is different now.
void compare_with_beginning(const RunSetup& setup, const RunFiles& files) {
  const std::string path = files.path("config.json");
  std::ifstream file(path);
  const auto recorded = Json::parse(file, nullptr, false);
  require(recorded.is_object(), path, " is not a JSON object: the run cannot be resumed; --overwrite starts anew");
  const Json now = describe(setup, {});
  const Json digest = recorded.value("files_md5", Json());  // runs of earlier versions have none
  require(digest.is_null() || digest == now["files_md5"], "the data in ", setup.data.folder.root.string(),
          " is not what it was when the run in ", files.folder().string(),
          " was begun: ", what_changed(files.folder(), setup.data.folder),
          "; restore it, or start anew with --overwrite");
  for (const char* key : {"classes", "domains", "parameters"}) {
    const Json before = recorded.value(key, Json());
    require(before == now[key], "the run in ", files.folder().string(), " was begun with ", key, " ", before.dump(),
            ", and now they are ", now[key].dump(), ": the data in ", setup.data.folder.root.string(),
            " is not what it was; restore it, or start anew with --overwrite");
  }
  for (const char* key : {"cpu", "cpu_threads", "backend", "versions"}) {
    const Json before = recorded.value(key, Json());
    if (before == now[key]) continue;
    print_note(std::string(key) + " was " + before.dump() + " when the run began and is " + now[key].dump() +
               " now: results may differ by rounding");
  }
}

/// Every vector that a step changes.
std::vector<StateVector> state_vectors(RunSetup& setup) {
  std::vector<StateVector> vectors{{"theta", &setup.theta}, {"statistics", &setup.statistics}};
  for (const BaseOptimizer::State& state : setup.optimizer->state()) vectors.push_back({state.name, state.vector});
  if (setup.swad) {
    for (const Swad::NamedVector& named : setup.swad->vectors()) vectors.push_back({named.name, named.vector});
  }
  if (setup.moving) vectors.push_back({"moving.average", &setup.moving->vector()});
  return vectors;
}

/// Nothing when the run was stopped before it had saved a state.
std::optional<RunProgress> resume(RunSetup& setup, RunFiles& files) {
  compare_with_beginning(setup, files);
  const std::int64_t steps = setup.config.steps;
  RunProgress progress;
  const auto accept = [&](const std::string& text) {
    RunProgress read = RunProgress::from_text(text);
    require(read.steps <= steps, "a saved state has done ", read.steps, " of ", steps, " steps");
    progress = std::move(read);
  };
  if (load_state(files.folder(), setup.backend, state_vectors(setup), accept, print_note).empty()) return std::nullopt;
  setup.optimizer->set_updates(progress.updates);
  if (setup.swad) setup.swad->restore(progress.swad);
  files.resume(progress.lengths);
  if (setup.config.tensorboard) files.open_events(progress.steps);
  std::fprintf(stderr, "Resuming %s after %lld of %lld steps\n", files.folder().c_str(),
               static_cast<long long>(progress.steps), static_cast<long long>(steps));
  return progress;
}

}  // namespace

RunProgress start_or_resume(RunSetup& setup, RunFiles& files) {
  if (files.resumes()) {
    if (std::optional<RunProgress> progress = resume(setup, files)) return *std::move(progress);
  }
  start(setup, files);
  return {};
}

void save_run(RunSetup& setup, RunFiles& files, RunProgress& progress) {
  progress.updates = setup.optimizer->updates();
  if (setup.swad) progress.swad = setup.swad->state();
  progress.lengths = files.sync();
  save_state(files.folder(), setup.backend, state_vectors(setup), progress.to_text());
}

}  // namespace dgsam
