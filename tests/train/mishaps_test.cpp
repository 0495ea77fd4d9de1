// What happens to runs in the field: foreign files among theirs, data that change, other working folders, closed
// descriptors, terminals that go away, images that cannot be read.
#include <doctest/doctest.h>
#include <sys/wait.h>

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

#include "data/image_folder.h"
#include "tests/process.h"
#include "tests/tiny_folder.h"
#include "tools/terminal/command_line.h"
#include "tools/train/file_list.h"
#include "tools/train/run_state.h"
#include "tools/train/trainer.h"

namespace dgsam {
namespace {

namespace fs = std::filesystem;
using Arguments = std::vector<std::string>;

bool mentions(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// Three steps on the tiny images, as words for dgsam-run.
Arguments train_words(const std::string& data, const std::string& out) {
  return {"train", "--data-dir", data,   "--test-env",         "d1", "--model",   "mnist-cnn", "--image-size",
          "16",    "--augment",  "none", "--batch-size",       "4",  "--steps",   "3",         "--eval-every",
          "2",     "--lr",       "1e-3", "--sharpness-images", "0",  "--threads", "1",         "--save-every",
          "1",     "--out",      out};
}

/// Runs dgsam-run by a shell in `folder`; what it says goes to log. Returns the exit code.
int shell(const std::string& folder, Arguments words, const std::string& log, const std::string& redirections = "") {
  words.insert(words.begin(), DGSAM_RUN);
  const std::string line = "cd " + shell_words({folder}) + " && " + shell_words(words) + " " +
                           (redirections.empty() ? "> " + shell_words({log}) + " 2>&1" : redirections);
  const int status = std::system(line.c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

TEST_CASE("files that no run writes are left alone when a run starts, resumes and is replaced") {
  const TinyFolder folder;
  TrainConfig config = folder.config("erm", "run");
  const Arguments foreign{".nfs00000001",    ".DS_Store",  "train.log",
                          "slurm-123_4.out", "notes.tmp1", "thesis/chapter.txt"};
  for (const std::string& name : foreign) write_bytes(folder.path("run/" + name), "mine");
  { const Trainer begun(config); }
  config.resume = true;
  Trainer(config).run();
  config.resume = false;
  config.overwrite = true;
  Trainer(config).run();
  CHECK(read_bytes(folder.path("run/done")) == "done");
  for (const std::string& name : foreign) CHECK_MESSAGE(read_bytes(folder.path("run/" + name)) == "mine", name);
}

TEST_CASE("output may be redirected into --out") {
  const TinyFolder folder;
  fs::create_directories(folder.path("run"));
  CHECK(shell(folder.path(""), train_words("data", "run"), "run/train.log") == 0);
  CHECK(mentions(read_bytes(folder.path("run/train.log")), "Written to run"));
  CHECK(fs::exists(folder.path("run/done")));
}

TEST_CASE("a run is not resumed on other files, and the error names those that changed") {
  const TinyFolder folder;
  TrainConfig config = folder.config("erm", "run");
  { const Trainer begun(config); }
  config.resume = true;
  const auto error = [&] { return error_of([&] { const Trainer resumed(config); }); };
  const auto renamed = [&](const std::string& from, const std::string& to, const std::string& expected) {
    fs::rename(folder.data() + "/" + from, folder.data() + "/" + to);
    const std::string said = error();
    INFO(said);
    CHECK(mentions(said, "is not what it was when the run in " + folder.path("run") + " was begun: "));
    CHECK(mentions(said, expected));
    fs::rename(folder.data() + "/" + to, folder.data() + "/" + from);
    CHECK(error().empty());
  };
  // The numbers of images stay as they were.
  renamed("d0/dark/3.png", "d0/dark/33.png", "1 is gone (d0/dark/3.png), 1 is new (d0/dark/33.png)");
  renamed("d2/dark/3.png", "d2/bright/33.png", "1 is gone (d2/dark/3.png), 1 is new (d2/bright/33.png)");
  const std::string image = folder.data() + "/d1/dark/0.png", before = read_bytes(image);
  write_bytes(image, before + "more");
  CHECK(mentions(error(), "1 has another size (d1/dark/0.png: " + std::to_string(before.size()) + " bytes, now "));
  fs::remove(folder.path("run/files.gz"));
  CHECK(mentions(error(), "which files differ can't be told without " + folder.path("run/files.gz")));
  write_bytes(image, before);
  CHECK(error().empty());
  fs::rename(folder.data(), folder.path("moved"));
  config.data_dir = folder.path("moved");
  CHECK(error().empty());  // moved as a whole it is the same
}

TEST_CASE("lists of files differ by what is gone, new, of another class, split or size, each with its first three") {
  const std::string before = "d\tcat\t1\t\ta\nd\tcat\t1\t\tb\nd\tcat\t1\tin\tc\nd\tcat\t1\t\te\n";
  CHECK(list_difference(before, before).empty());
  CHECK(list_difference(before, "d\tcat\t1\t\ta\nd\tdog\t1\t\tb\nd\tcat\t1\tout\tc\nd\tcat\t2\t\te\n") ==
        "1 has another class (b: cat, now dog), 1 has another split (c), 1 has another size (e: 1 bytes, now 2)");
  CHECK(list_difference(before, "") == "4 are gone (a, b, c, ...)");
  const TemporaryFolder place;
  const std::string list = before + std::string(100000, 'x') + "\n";
  write_bytes(place / "files.gz", compressed_list(list));
  CHECK(read_list(place / "files.gz") == list);
  write_bytes(place / "files.gz", compressed_list(list).substr(0, 100));
  CHECK_FALSE(read_list(place / "files.gz").has_value());
  CHECK_FALSE(read_list(place / "none.gz").has_value());
}

TEST_CASE("relative paths are stored absolute: a run goes on from another folder") {
  const TinyFolder folder;
  fs::create_directories(folder.path("elsewhere"));
  const std::string log = folder.path("log");
  CHECK(shell(folder.path(""), train_words("data", "run"), log) == 0);
  const std::string config = folder.path("run/config.json");
  nlohmann::ordered_json recorded = nlohmann::ordered_json::parse(read_bytes(config));
  CHECK(recorded["data_dir"] == folder.data());

  const std::string bits = read_bytes(folder.path("run/last.safetensors"));
  const Arguments resume{"train", "--resume", "--out", "../run"};
  fs::remove(folder.path("run/done"));
  CHECK(shell(folder.path("elsewhere"), resume, log) == 0);
  CHECK(read_bytes(folder.path("run/last.safetensors")) == bits);
  // The same flag from the same place is the same path.
  fs::remove(folder.path("run/done"));
  Arguments again = train_words("data", "run");
  again.push_back("--resume");
  CHECK(shell(folder.path(""), again, log) == 0);
  CHECK(shell(folder.path("elsewhere"), {"eval", "../run/last.safetensors", "--threads", "1"}, log) == 0);

  // As earlier versions recorded it.
  recorded["data_dir"] = "data";
  write_bytes(config, recorded.dump());
  fs::remove(folder.path("run/done"));
  CHECK(shell(folder.path("elsewhere"), resume, log) == 1);
  CHECK(mentions(read_bytes(log),
                 "--data-dir data is not a folder (it is relative to " + folder.path("elsewhere") + ")"));
  CHECK(shell(folder.path(""), {"train", "--resume", "--out", "run"}, log) == 0);
}

TEST_CASE("with descriptors 0 to 2 closed nothing that is printed lands in a run's files") {
  const TinyFolder folder;
  for (const std::string closed : {"<&- >&- 2>&-", ">&- 2>/dev/null", "<&- >/dev/null 2>&-"}) {
    CAPTURE(closed);
    Arguments words = train_words("data", "run");
    words.push_back("--overwrite");
    CHECK(shell(folder.path(""), words, "", closed) == 0);
    std::ifstream metrics(folder.path("run/metrics.jsonl"));
    int lines = 0;
    for (std::string line; std::getline(metrics, line); ++lines) CHECK(nlohmann::json::accept(line));
    CHECK(lines == 3);
  }
}

TEST_CASE("with --holdout 0 no checkpoint is selected by validation, and best is the last one") {
  const TinyFolder folder;
  TrainConfig config = folder.config("erm", "run");
  config.holdout = 0;
  Trainer(config).run();
  const auto summary = nlohmann::json::parse(read_bytes(folder.path("run/summary.json")));
  CHECK_FALSE(summary["selection"].contains("training_domain_validation"));
  CHECK_FALSE(summary["selection"].contains("test_domain_validation"));
  CHECK(summary["selection"]["last"]["step"] == 2);
  CHECK(read_bytes(folder.path("run/best.safetensors")) == read_bytes(folder.path("run/last.safetensors")));
}

TEST_CASE("SIGHUP saves the state as SIGTERM does, and the command that continues is quoted") {
  const TinyFolder folder;
  Arguments words = train_words(folder.data(), folder.path("my run"));
  *(std::find(words.begin(), words.end(), "--steps") + 1) = "100000";
  const Process process(words, folder.path("log"));
  while (!fs::exists(folder.path("my run/") + kPreviousStateFile)) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  process.signal(SIGHUP);
  CHECK(process.wait() == 128 + SIGHUP);
  CHECK(mentions(read_bytes(folder.path("log")),
                 "continue with: dgsam-run train --resume --out '" + folder.path("my run") + "'"));
}

TEST_CASE("an image that cannot be read saves the state first, and the run goes on to the same bits") {
  const TinyFolder folder;
  TrainConfig config = folder.config("dgsam", "reference");
  config.cache = "none";
  config.steps = 12;
  config.eval_every = 4;
  Trainer(config).run();
  config.out = folder.path("run");
  {
    Trainer trainer(config);
    fs::rename(folder.data(), folder.path("away"));
    const std::string error = error_of([&] { trainer.run(); });
    INFO(error);
    CHECK(mentions(error, folder.data()));
    CHECK(mentions(error, " of 12 steps; continue with: dgsam-run train --resume --out " + folder.path("run")));
    CHECK(fs::exists(folder.path("run/") + kStateFile));
  }
  fs::rename(folder.path("away"), folder.data());
  config.resume = true;
  Trainer(config).run();
  for (const char* name : {"metrics.jsonl", "last.safetensors"}) {
    CHECK_MESSAGE(read_bytes(folder.path(std::string("run/") + name)) ==
                      read_bytes(folder.path(std::string("reference/") + name)),
                  name);
  }
}

TEST_CASE(
    "a list of images trains to the bits of the tree that it lists, and given splits take the place of seeded ones") {
  const TinyFolder folder;
  Trainer(folder.config("dgsam", "tree")).run();
  const ImageFolder tree = open_image_folder(folder.data());
  std::string rows = "label,path,domain\n", split_rows = "label,path,domain,split\n";
  for (const Domain& domain : tree.domains) {
    for (std::size_t i = domain.samples.size(); i-- > 0;) {
      const Sample& sample = domain.samples[i];
      const std::string row = tree.classes[static_cast<std::size_t>(sample.label)] + "," +
                              sample.path.lexically_relative(folder.path("")).string() + "," + domain.name;
      rows += row + "\n";
      split_rows += row + (i % 2 == 0 ? ",in\n" : ",out\n");
    }
  }
  TrainConfig config = folder.config("dgsam", "list");
  config.data_dir.clear();
  config.manifest = write_bytes(folder.path("list.csv"), rows).string();
  Trainer(config).run();
  CHECK(read_bytes(folder.path("list/metrics.jsonl")) == read_bytes(folder.path("tree/metrics.jsonl")));
  config.manifest = write_bytes(folder.path("split.csv"), split_rows).string();
  config.out = folder.path("split");
  Trainer(config).run();
  const auto recorded = nlohmann::json::parse(read_bytes(folder.path("split/config.json")));
  CHECK(recorded["domains"][0]["in"] == 10);
  CHECK(recorded["domains"][0]["out"] == 10);

  config.dataset = "PACS";
  CHECK(error_of([&] { resolve(config); }) == "--manifest is for --dataset folder, not for PACS");
  config.dataset = "folder";
  config.data_dir = folder.data();
  CHECK(mentions(error_of([&] { resolve(config); }), "--data-dir and --manifest both say where the images are"));
}

TEST_CASE("a class that a domain lacks stops training, and --allow-missing-classes trains on all classes") {
  const TinyFolder folder;
  fs::remove_all(folder.data() + "/d0/bright");
  TrainConfig config = folder.config("erm", "run");
  CHECK(mentions(error_of([&] { const Trainer trainer(config); }), "--allow-missing-classes"));
  config.allow_missing_classes = true;
  Trainer(config).run();
  const auto recorded = nlohmann::json::parse(read_bytes(folder.path("run/config.json")));
  CHECK(recorded["allow_missing_classes"] == true);
  CHECK(recorded["classes"] == nlohmann::json{"bright", "dark"});
}

}  // namespace
}  // namespace dgsam
