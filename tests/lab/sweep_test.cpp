// dgsam-run sweep: which jobs follow from a definition, and that nothing which happens to them changes what comes out.
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "engine/core/rng.h"
#include "tests/process.h"
#include "tests/tiny_folder.h"
#include "tools/lab/collect/collect_format.h"
#include "tools/lab/sweep/sweep_estimate.h"
#include "tools/lab/sweep/sweep_job.h"

namespace dgsam {
namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

/// Sweeps of a few steps on three domains of tiny images.
class Tiny {
 public:
  explicit Tiny(int steps = 4) {
    train_ = {"--data-dir",         data_.data(), "--model",      "mnist-cnn",
              "--image-size",       "16",         "--augment",    "none",
              "--batch-size",       "2",          "--steps",      std::to_string(steps),
              "--threads",          "1",          "--eval-every", "2",
              "--save-every",       "1",          "--freeze-bn",  "off",
              "--sharpness-images", "0"};
  }
  /// `flags`, then --out, then those for train.
  Words launch(const std::string& out, Words flags, const std::string& jobs = "2") const {
    Words words{"sweep", "launch", "--datasets", "folder", "--out", path(out), "--jobs", jobs};
    words.insert(words.end(), flags.begin(), flags.end());
    words.push_back("--");
    words.insert(words.end(), train_.begin(), train_.end());
    return words;
  }
  int run(const Words& words) const { return Process(words, log()).wait(); }
  std::string said() const { return read_bytes(log()); }
  std::string log() const { return path("log"); }
  std::string path(const std::string& name) const { return data_.path(name); }
  std::string grid(const std::string& text) const { return write_bytes(path("grid.json"), text).string(); }
  /// What does not depend on the clock.
  std::string table(const std::string& out) const {
    const Collection collection = collect({path(out)});
    CHECK(describe_problems(collection) == "");
    std::vector<ResultTable> tables = selection_tables(collection, SelectionMethod::training_domain);
    for (ResultTable& table : swad_tables(collection)) tables.push_back(std::move(table));
    return format_tables(collection, tables, TableFormat::json);
  }
  SweepDefinition definition(const std::string& grid, int trials) const {
    SweepDefinition definition;
    definition.datasets = {"folder"};
    definition.algorithms = {"erm", "dgsam"};
    definition.grid = grid;
    definition.trials = trials;
    definition.train = train_;
    return definition;
  }

 private:
  TinyFolder data_;
  Words train_;
};

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) ++count;
  return count;
}

TEST_CASE("DomainBed's random hyperparameters are its own, to the bit") {
  // Of the runs that DomainBed ships (misc/test_sweep_data): hparams_seed 1 on VLCS, trials 0 and 1.
  CHECK(domainbed_hparams("VLCS", "erm", 1, 0) == HparamValues{{"lr", 2.7028930742148706e-05},
                                                               {"weight_decay", 0.00044832883881609976},
                                                               {"batch_size", 39},
                                                               {"dropout", 0.5}});
  CHECK(domainbed_hparams("VLCS", "erm", 1, 1) == HparamValues{{"lr", 2.2352558725944602e-05},
                                                               {"weight_decay", 1.9967320578799288e-06},
                                                               {"batch_size", 8},
                                                               {"dropout", 0.5}});
  // By numpy 1.24 and the formulas of hparams_registry.py.
  CHECK(domainbed_hparams("PACS", "sam", 7, 0) == HparamValues{{"lr", 0.0001336817295222666},
                                                               {"weight_decay", 1.696474495087739e-05},
                                                               {"batch_size", 12},
                                                               {"dropout", 0.1},
                                                               {"rho", 0.01}});
  CHECK(domainbed_hparams("RotatedMNIST", "erm", 5, 1) ==
        HparamValues{{"lr", 0.0002046200753543356}, {"weight_decay", 0.0}, {"batch_size", 257}, {"dropout", 0.1}});
  CHECK(domainbed_hparams("DomainNet", "erm", 5, 1)["batch_size"] == 25);
  CHECK(domainbed_hparams("PACS", "sam", 0, 3).empty());
}

TEST_CASE("a grid is SWAD's 18, or all combinations of a file's lists, or a file's list") {
  CHECK(swad_grid().size() == 18);
  CHECK(swad_grid()[17] == HparamValues{{"lr", 5e-5}, {"dropout", 0.5}, {"weight_decay", 1e-6}});
  const TemporaryFolder folder;
  const auto from = [&](const std::string& text) { return grid_from_file(write_bytes(folder / "g", text).string()); };
  CHECK(from(R"({"lr": [1, 2], "rho": [3, 4]})")[1] == HparamValues{{"lr", 1}, {"rho", 4}});
  CHECK(from(R"([{"lr": 1}, {"model": "resnet18"}])").size() == 2);
  CHECK(error_of([&] { from("{"); }).find("is not JSON") != std::string::npos);
  CHECK(error_of([&] { from(R"({"lr": 1})"); }).find("\"lr\" is not a list") != std::string::npos);
  CHECK(error_of([&] { from(R"([{"lr": 1}, {"lr": 1}])"); }).find("twice") != std::string::npos);
  CHECK(error_of([&] { grid_from_file("swat"); }).find("--grid swat is not defaults, swad") == 0);
}

TEST_CASE("jobs follow from the definition, with trials and seeds of the grid's protocol") {
  const Tiny tiny;
  const auto jobs_of = [&](const std::string& grid, int trials, const std::string& out) {
    return Sweep::define(tiny.path(out), tiny.definition(grid, trials), {}).jobs();
  };
  const SweepJobs plain = jobs_of("defaults", 2, "plain");
  REQUIRE(plain.jobs.size() == 2 * 3 * 2);
  CHECK(plain.jobs[0].name == "folder-erm-0-d0-t0-h0");
  CHECK(plain.jobs[11].name == "folder-dgsam-2-d2-t1-h0");
  CHECK(plain.jobs[11].seed == 1);
  CHECK(plain.waiting == 0);

  const SweepJobs swad = jobs_of("swad", 3, "swad");
  CHECK(swad.jobs.size() == 18 * 6);  // the search on trial 0
  CHECK(swad.waiting == 2 * 6);
  CHECK(swad.open.at("folder, dgsam, d1 left out") == 18);
  CHECK(swad.jobs.back().seed == 0);

  const SweepJobs random = jobs_of("domainbed-random", 2, "random");
  CHECK(random.jobs.size() == 20 * 2 * 6);
  CHECK(random.jobs[6].hparams == 1);
  CHECK(!random.jobs[6].values.contains("batch_size"));  // given for every job
  CHECK(random.jobs[0].seed == 1797446615);              // seed_hash('folder', 'ERM', [0], 0, 0) by Python

  const Sweep sweep = Sweep::open(tiny.path("random"));
  const TrainConfig config = sweep.config(random.jobs[6]);
  CHECK(config.optimizer.learning_rate == random.jobs[6].values["lr"].get<double>());
  CHECK(config.test_env == "0");
  CHECK(config.batch_size == 2);
}

TEST_CASE("a mistake in a sweep is found when it is launched, and named") {
  const Tiny tiny;
  const auto refused = [&](const auto& change, const std::string& expected) {
    SweepDefinition definition = tiny.definition("defaults", 1);
    change(definition);
    CHECK(error_of([&] { Sweep::define(tiny.path("refused"), definition, {}); }).find(expected) != std::string::npos);
    CHECK(!fs::exists(tiny.path("refused") + "/sweep.json"));
  };
  refused([](auto& d) { d.algorithms = {"irm"}; }, "--algorithm: irm not in");
  refused([](auto& d) { d.datasets = {"PACZ"}; }, "PACZ is not known");
  refused([](auto& d) { d.test_envs = "d3"; }, "d3 is not a domain of folder: it has d0, d1, d2 (0 to 2)");
  refused([](auto& d) { d.trials = 0; }, "--trials 0");
  refused([](auto& d) { d.train.insert(d.train.end(), {"--seed", "3"}); }, "--seed stands after --");
  refused([](auto& d) { d.train.push_back("--no-such"); }, "the flags after -- are not train's");
  refused([](auto& d) { d.train.insert(d.train.end(), {"--weights", "/no.pth"}); }, "--weights /no.pth does not exist");
  refused([](auto& d) { d.train.clear(); }, "the folder of the data is needed");
  refused([&](auto& d) { d.grid = tiny.grid(R"({"steps": [1], "batch_size": [1, 2]})"); }, "steps is varied by --grid");
  write_bytes(tiny.path("refused/other/job.json"), "");
  refused([](auto&) {}, "holds other, a sweep's job, and no sweep.json");

  Sweep::define(tiny.path("kept"), tiny.definition("swad", 2), {});
  const auto disagrees = [&](const auto& change, const std::string& name) {
    SweepDefinition definition = tiny.definition("swad", 2);
    change(definition);
    return error_of([&] { Sweep::define(tiny.path("kept"), definition, {name}); });
  };
  CHECK(disagrees([](auto&) {}, "trials") == "");
  CHECK(disagrees([](auto& d) { d.trials = 3; }, "trials").find("--trials is 3, but the sweep in") == 0);
  CHECK(disagrees([](auto& d) { d.grid = "defaults"; }, "grid").find("--grid is \"defaults\"") == 0);
  CHECK(disagrees([](auto& d) { d.train[13] = "5"; }, "train").find("after --, save_every") == std::string::npos);
  CHECK(disagrees(
            [](auto& d) {
              d.train.insert(d.train.end(), {"--lr", "1"});
            },
            "train")
            .find("after --, lr is 1.0") == 0);
}

TEST_CASE("a sweep whose launcher and jobs are killed twice ends in the table of one that nothing happened to") {
  const Tiny tiny(6);
  const Words flags{"--algorithms", "erm,dgsam", "--test-envs", "0",
                    "--trials",     "2",         "--grid",      tiny.grid(R"({"lr": [1e-3, 1e-2]})")};
  REQUIRE_MESSAGE(tiny.run(tiny.launch("whole", flags)) == 0, tiny.said());
  CHECK(tiny.said().find("6 of 6 jobs done") != std::string::npos);  // 4 of the search, then 2 of what it chose

  const auto count = [&](JobState state) {
    Sweep sweep = Sweep::open(tiny.path("killed"));
    const SweepJobs jobs = sweep.jobs();
    return std::count_if(jobs.jobs.begin(), jobs.jobs.end(),
                         [&](const SweepJob& job) { return status_of(sweep, job).state == state; });
  };
  const auto wait_until = [](const auto& reached) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!reached()) {
      REQUIRE(std::chrono::steady_clock::now() < end);
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  };
  // The launcher, twice: its jobs save their states and end.
  for (int kill = 0; kill < 2; ++kill) {
    const Process launcher(tiny.launch("killed", flags), tiny.log());
    wait_until([&] { return fs::exists(tiny.path("killed") + "/sweep.json"); });
    wait_until([&] { return count(JobState::done) > kill && count(JobState::running) > 0; });
    launcher.signal(SIGKILL);
    CHECK(launcher.wait() == 128 + SIGKILL);
    wait_until([&] { return count(JobState::running) == 0; });
    CHECK(count(JobState::failed) == 0);
  }
  // A job, twice: the launcher goes on with the others.
  for (int kill = 0; kill < 2; ++kill) {
    const Process launcher({"sweep", "launch", "--out", tiny.path("killed"), "--jobs", "2"}, tiny.log());
    Sweep sweep = Sweep::open(tiny.path("killed"));
    bool killed = false;
    wait_until([&] {
      for (const SweepJob& job : sweep.jobs().jobs) {
        const JobStatus status = status_of(sweep, job);
        if (status.state != JobState::running || !status.note.starts_with("process ")) continue;
        const pid_t holder = std::stoi(status.note.substr(8));
        if (holder != launcher.id()) killed = ::kill(holder, SIGKILL) == 0;
        if (killed) break;
      }
      return killed || count(JobState::done) == 6;
    });
    CHECK(launcher.wait() == 0);
    CHECK(killed);
    CHECK(tiny.said().find("stopped  folder-") != std::string::npos);
  }
  CHECK(tiny.run({"sweep", "launch", "--out", tiny.path("killed")}) == 0);
  CHECK(tiny.said().find("6 of 6 jobs done") != std::string::npos);
  CHECK(tiny.table("killed") == tiny.table("whole"));
  for (const auto& job : fs::directory_iterator(tiny.path("whole"))) {
    if (!job.is_directory()) continue;
    const fs::path twin = fs::path(tiny.path("killed")) / job.path().filename() / "run";
    for (const char* name : {"metrics.jsonl", "best.safetensors"}) {
      CHECK_MESSAGE(read_bytes(job.path() / "run" / name) == read_bytes(twin / name), twin.string(), " ", name);
    }
  }
}

TEST_CASE("a sweep with relative paths and foreign files in its folders goes on from another folder") {
  const Tiny tiny;
  const auto in = [&](const std::string& folder, const std::string& words) {
    const std::string line =
        "cd " + tiny.path(folder) + " && " + DGSAM_RUN + " " + words + " > " + tiny.log() + " 2>&1";
    return std::system(line.c_str());
  };
  fs::create_directories(tiny.path("elsewhere"));
  write_bytes(tiny.path("sweep/slurm-1_2.out"), "foreign");
  write_bytes(tiny.path("sweep/.nfs01"), "foreign");
  const std::string flags = " --datasets folder --algorithms erm --test-envs d0 --trials 1 --launcher print ";
  CHECK(in("", "sweep launch --out sweep" + flags +
                   "-- --data-dir data --model mnist-cnn --image-size 16 "
                   "--augment none --batch-size 2 --steps 2 --threads 1 --sharpness-images 0") == 0);
  const std::string job = tiny.path("sweep/folder-erm-0-d0-t0-h0");
  for (const char* name : {"/.nfs02", "/run/.DS_Store", "/run/train.log"}) write_bytes(job + name, "foreign");
  INFO(tiny.said());
  CHECK(in("elsewhere", "sweep launch --out ../sweep --jobs 1") == 0);
  CHECK(read_bytes(job + "/run/done") == "done");
  CHECK(read_bytes(job + "/run/train.log") == "foreign");
}

TEST_CASE("Ctrl-C stops a sweep's jobs with their states saved, and says how to continue") {
  const Tiny tiny(2000);
  const Process launcher(tiny.launch("stopped", {"--algorithms", "erm", "--trials", "1"}), tiny.log());
  const fs::path first = fs::path(tiny.path("stopped")) / "folder-erm-0-d0-t0-h0/run/state.safetensors";
  while (!fs::exists(first)) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  launcher.signal(SIGINT);
  CHECK(launcher.wait() == 128 + SIGINT);
  CHECK(tiny.said().find("stopped with 0 of 3 jobs done; continue with: dgsam-run sweep launch --out") !=
        std::string::npos);
  Sweep sweep = Sweep::open(tiny.path("stopped"));
  const SweepJobs jobs = sweep.jobs();
  CHECK(status_of(sweep, jobs.jobs[0]).state == JobState::stopped);
  CHECK(status_of(sweep, jobs.jobs[2]).state == JobState::fresh);
  CHECK(read_bytes(fs::path(tiny.path("stopped")) / "folder-erm-0-d0-t0-h0/log.txt").find("stopped after") !=
        std::string::npos);
}

TEST_CASE("a failed job is shown with its last error, left alone by launch, run again by retry, removed by prune") {
  const Tiny tiny;
  const Words flags{"--algorithms", "erm", "--test-envs", "d1",
                    "--trials",     "2",   "--grid",      tiny.grid(R"([{"lr": 1e-3}, {"lr": 1e30}])")};
  const std::string out = tiny.path("failing"), job = out + "/folder-erm-1-d1-t0-h1";
  CHECK(tiny.run(tiny.launch("failing", flags)) == 1);
  CHECK(tiny.said().find("failed  folder-erm-1-d1-t0-h1") != std::string::npos);
  CHECK(tiny.said().find("1 of 3 jobs done, 1 failed: dgsam-run sweep retry --out " + out) != std::string::npos);

  CHECK(tiny.run({"sweep", "status", "--out", out}) == 0);
  CHECK(tiny.said().find("A smaller --lr or --rho usually helps") != std::string::npos);
  CHECK(tiny.said().find("waiting  folder, erm, d1 left out: 1 jobs of its search are not done") != std::string::npos);

  CHECK(tiny.run({"sweep", "launch", "--out", out}) == 1);
  CHECK(count_of(read_bytes(job + "/log.txt"), "\n== ") == 0);  // one attempt
  CHECK(tiny.run({"sweep", "retry", "--out", out}) == 1);
  CHECK(count_of(read_bytes(job + "/log.txt"), "\n== ") == 1);

  CHECK(tiny.run({"sweep", "launch", "--out", out, "--launcher", "print"}) == 0);
  CHECK(tiny.said().find("sweep job") == std::string::npos);  // nothing is missing but what failed
  CHECK(tiny.run({"sweep", "job", out, "folder-erm-1-d1-t0-h1"}) == 1);
  CHECK(tiny.said().find("has failed: ") != std::string::npos);

  CHECK(tiny.run({"sweep", "prune", "--out", out, "--yes"}) == 0);
  CHECK(!fs::exists(job));
  CHECK(fs::exists(out + "/folder-erm-1-d1-t0-h0/run/done"));
  CHECK(tiny.run({"sweep", "launch", "--out", out, "--launcher", "print"}) == 0);
  CHECK(tiny.said().find("sweep job " + out + " folder-erm-1-d1-t0-h1\n") != std::string::npos);
}

TEST_CASE("two launchers on one folder share the jobs and run none twice") {
  const Tiny tiny;
  const Words flags{"--algorithms", "erm", "--trials", "1"};
  const Process first(tiny.launch("shared", flags, "1"), tiny.path("log1"));
  const Process second(tiny.launch("shared", flags, "2"), tiny.path("log2"));
  CHECK(first.wait() == 0);
  CHECK(second.wait() == 0);
  Sweep sweep = Sweep::open(tiny.path("shared"));
  const SweepJobs jobs = sweep.jobs();
  CHECK(jobs.jobs.size() == 3);
  for (const SweepJob& job : jobs.jobs) {
    CHECK(status_of(sweep, job).state == JobState::done);
    CHECK(count_of(read_bytes(sweep.job_folder(job) / "log.txt"), "== 2") == 1);
  }
}

TEST_CASE("a job's lock names its holder, and is free when the holder is dead") {
  const TemporaryFolder folder;
  const fs::path path = folder / "lock";
  CHECK(!JobLock::owner(path));
  const pid_t holder = ::fork();
  if (holder == 0) {
    const auto lock = JobLock::take(path);
    ::pause();
    ::_exit(0);
  }
  while (!JobLock::owner(path)) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  while (read_bytes(path).empty()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  CHECK(JobLock::owner(path)->starts_with("process " + std::to_string(holder) + " on "));
  CHECK(!JobLock::take(path));
  ::kill(holder, SIGKILL);
  ::waitpid(holder, nullptr, 0);
  CHECK(!JobLock::owner(path));
  CHECK(JobLock::take(path));
}

TEST_CASE("the estimate adds up what is left at the pace of its data set and algorithm") {
  SweepEstimate estimate;
  SweepJob erm, sam;
  erm.dataset = sam.dataset = "PACS";
  erm.algorithm = "erm";
  sam.algorithm = "sam";
  estimate.add_rest(erm, 100);
  CHECK(estimate.seconds_left(1) < 0);  // nothing ran yet
  estimate.add(erm, 10, 20);
  CHECK(estimate.seconds_left(1) == doctest::Approx(200));
  estimate.add_rest(sam, 50);
  CHECK(estimate.seconds_left(1) == doctest::Approx(300));  // sam is taken to be like erm
  estimate.add(sam, 10, 40);
  CHECK(estimate.seconds_left(1) == doctest::Approx(400));
  CHECK(estimate.seconds_left(2) == doctest::Approx(200));
  CHECK(estimate.seconds_left(8) == doctest::Approx(200));  // no shorter than the longest job
}

}  // namespace
}  // namespace dgsam
