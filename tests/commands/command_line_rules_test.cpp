// What a user is told about a wrong command line, and which of two equal flags counts.
#include "tools/commands/command_line_rules.h"

#include <doctest/doctest.h>

#include <CLI/CLI.hpp>
#include <filesystem>

#include "tests/temporary_folder.h"
#include "tools/commands/train_flags.h"

namespace dgsam {
namespace {

/// The one line for these words after "dgsam-run"; empty where they are understood.
std::string line_for(std::vector<std::string> words) {
  CLI::App app{"", "dgsam-run"};
  app.require_subcommand(1);
  TrainConfig config;
  add_train_flags(*app.add_subcommand("train"), config);
  app.add_subcommand("data")->require_subcommand(1)->add_subcommand("make")->add_option("kind")->required();
  let_last_flag_win(app);
  std::reverse(words.begin(), words.end());  // CLI11 takes them last first
  try {
    app.parse(words);
  } catch (const CLI::ParseError& error) {
    const std::string line = error_line(app, error);
    CHECK(line.find('\n') == std::string::npos);
    return line;
  }
  return "";
}

TEST_CASE("words for another process have files and folders absolute, whichever way they are written") {
  const std::string here = std::filesystem::current_path().string();
  CHECK(with_absolute_paths({"--data-dir", "data", "--weights=w.pth", "--manifest", "/list.csv", "--model",
                             "resnet18"}) == std::vector<std::string>{"--data-dir", here + "/data",
                                                                      "--weights=" + here + "/w.pth", "--manifest",
                                                                      "/list.csv", "--model", "resnet18"});
}

TEST_CASE("what is wrong with a command line is told in one line with flag, value and where help is") {
  CHECK(line_for({"train", "--out", "x"}).empty());
  CHECK(line_for({}) == "A subcommand is required; see dgsam-run --help");
  CHECK(line_for({"trian"}) == "trian: no such subcommand; see dgsam-run --help");
  CHECK(line_for({"train"}) == "--out is required; see dgsam-run train --help");
  CHECK(line_for({"train", "--out", "x", "--algorithm", "sgdsam"}) ==
        "--algorithm: sgdsam not in {erm,sam,gsam,sagm,disam,gga-l,dgsam}; see dgsam-run train --help");
  CHECK(line_for({"train", "--out", "x", "--dgsam-scale", "max"}) ==
        "--dgsam-scale: max not in {sum,mean}; see dgsam-run train --help");
  CHECK(line_for({"train", "--out", "x", "--steps", "many"}) ==
        "--steps many: not a value that this flag takes; see dgsam-run train --help");
  CHECK(line_for({"train", "--out", "x", "--stepz", "7"}) ==
        "--stepz 7: not expected here; see dgsam-run train --help");
  CHECK(line_for({"train", "--out", "x", "--overwrite", "--resume"}).find("--overwrite excludes --resume") == 0);
  CHECK(line_for({"train", "--out", "x", "--steps"}).find("--steps") == 0);
  CHECK(line_for({"train", "--otu", "x"}) == "--otu x: not expected here; see dgsam-run train --help");
  CHECK(line_for({"data", "mkae"}) == "mkae: no such subcommand; see dgsam-run data --help");
  CHECK(line_for({"data", "make"}) == "kind is required; see dgsam-run data make --help");
}

TEST_CASE("of a flag that is given twice the last one counts, whatever its type") {
  const TrainFlags flags = parse_train_flags(
      {"--out",  "a",   "--steps",          "7",        "--swad",  "on",        "--eval-mode", "all",
       "--lr",   "1",   "--model",          "resnet18", "--out",   "b",         "--steps",     "8",
       "--swad", "off", "--eval-mode=fast", "--lr=2",   "--model", "mnist-cnn", "--resume",    "--resume"},
      "the flags");
  CHECK(flags.config.out == "b");
  CHECK(flags.config.steps == 8);
  CHECK_FALSE(flags.config.swad);
  CHECK(flags.config.eval_mode == EvalMode::fast);
  CHECK(flags.config.optimizer.learning_rate == 2);
  CHECK(flags.config.model == "mnist-cnn");
  CHECK(flags.config.resume);
  CHECK(flags.given == std::set<std::string>{"out", "steps", "swad", "eval_mode", "lr", "model", "resume"});
}

TEST_CASE("flags that list values keep all of them when they are repeated, and fixed numbers of values stay fixed") {
  CLI::App app;
  std::vector<std::string> files, pair;
  app.add_option("--images", files);
  app.add_option("--scale", pair)->delimiter(',')->expected(2);
  let_last_flag_win(app);
  std::vector<std::string> words{"b", "--images", "a", "--images"};
  app.parse(words);
  CHECK(files == std::vector<std::string>{"a", "b"});
  words = {"1,2,3", "--scale"};
  CHECK_THROWS_AS(app.parse(words), CLI::ArgumentMismatch);
}

}  // namespace
}  // namespace dgsam
