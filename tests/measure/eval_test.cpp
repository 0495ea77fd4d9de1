// dgsam-run eval and predict on a tiny run: they agree with the training's own evaluation and with each other.
#include "tools/measure/eval.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>

#include "engine/core/check.h"
#include "tests/tiny_folder.h"
#include "tools/measure/domain_result.h"
#include "tools/measure/eval_data.h"
#include "tools/measure/predict.h"
#include "tools/train/trainer.h"

namespace dgsam {
namespace {

using nlohmann::json;

std::vector<json> lines_of(std::istream&& text) {
  std::vector<json> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(json::parse(line));
  return lines;
}

/// A folder with a run in it that has learnt a part of what there is to learn.
class TinyRun {
 public:
  explicit TinyRun(bool augment = false) {
    TrainConfig config = folder_.config("erm", "run");
    config.eval_mode = EvalMode::all;
    config.augment = augment ? "standard" : "none";
    config.steps = 3;
    config.sharpness_images = 0;
    Trainer(config).run();
  }
  std::string checkpoint() const { return folder_.path("run/last.safetensors"); }
  const TinyFolder& folder() const { return folder_; }
  json evaluate() const { return evaluate_checkpoint({.checkpoint = checkpoint(), .place = {.threads = 2}}).json; }
  /// The lines that predict --json prints, and what it says on standard error.
  std::vector<json> predict_lines(const std::vector<std::string>& paths, int top = 5) const {
    std::ostringstream out, errors;
    predict({.checkpoint = checkpoint(), .paths = paths, .top = top, .json = true}, out, errors);
    CHECK(errors.str().empty());
    return lines_of(std::istringstream(out.str()));
  }

 private:
  TinyFolder folder_;
};

TEST_CASE("eval of the last checkpoint repeats the run's last evaluation") {
  for (const bool augment : {false, true}) {
    const TinyRun run(augment);
    const json trained = lines_of(std::ifstream(run.folder().path("run/results.jsonl"))).back();
    const json evaluation = run.evaluate();
    REQUIRE(evaluation["domains"].size() == 3);
    CHECK(evaluation["step"] == trained["step"]);
    for (int domain = 0; domain < 3; ++domain) {
      for (const char* split : {"in", "out"}) {
        const std::string key = "env" + std::to_string(domain) + "_" + split;
        const json& score = evaluation["domains"][static_cast<std::size_t>(domain)][split];
        CHECK(score["accuracy"] == trained[key + "_acc"]);
        CHECK(score["loss"].get<double>() == doctest::Approx(trained[key + "_loss"].get<double>()).epsilon(1e-6));
      }
    }
    CHECK(evaluation["domains"][0]["unseen"] == false);
    CHECK(evaluation["domains"][1]["unseen"] == true);
    CHECK(evaluation["domains"][1]["name"] == "d1");
  }
}

TEST_CASE("confusion matrices add up to the images of each class and to the accuracy; splits to the whole") {
  const TinyRun run;
  const json evaluation = run.evaluate();
  for (const json& domain : evaluation["domains"]) {
    double correct = 0, images = 0;
    for (std::size_t label = 0; label < 2; ++label) {
      const auto row = domain["confusion"][label].get<std::vector<int>>();
      CHECK(row.size() == 2);
      CHECK(row[0] + row[1] == 10);
      CHECK(domain["class_images"][label] == 10);
      CHECK(domain["class_accuracy"][label].get<double>() == row[label] / 10.0);
      correct += row[label];
      images += row[0] + row[1];
    }
    CHECK(domain["all"]["images"] == 20);
    CHECK(domain["all"]["accuracy"].get<double>() == correct / images);
    const double in = domain["in"]["images"], out = domain["out"]["images"];
    CHECK(out == 4);
    CHECK(in * domain["in"]["loss"].get<double>() + out * domain["out"]["loss"].get<double>() ==
          doctest::Approx(20 * domain["all"]["loss"].get<double>()));
  }
}

TEST_CASE("what is given to eval takes the place of what the training had") {
  const TinyRun run;
  EvalOptions options{.checkpoint = run.checkpoint(),
                      .data = {.test_env = "none", .holdout = 0},
                      .place = {.precision = Precision::f64}};
  const Evaluation evaluation = evaluate_checkpoint(options);
  CHECK(evaluation.json["precision"] == "f64");
  CHECK(evaluation.json["domains"][1]["unseen"] == false);
  CHECK(evaluation.json["domains"][1]["out"].is_null());
  CHECK(evaluation.json["domains"][1]["in"] == evaluation.json["domains"][1]["all"]);
  CHECK(evaluation.text.find("unseen") == std::string::npos);

  std::filesystem::rename(run.folder().data(), run.folder().path("moved"));
  CHECK(error_of([&] { evaluate_checkpoint(options); }).find(run.folder().data()) != std::string::npos);
  options.data.data_dir = run.folder().path("moved");
  CHECK(evaluate_checkpoint(options).json["domains"] == evaluation.json["domains"]);
  std::filesystem::rename(run.folder().path("moved") + "/d2", run.folder().path("moved") + "/e2");
  const json renamed = evaluate_checkpoint(options).json["domains"];
  CHECK(renamed[2]["name"] == "e2");
  CHECK(renamed[2]["unseen"] == true);
  CHECK(renamed[2]["all"] == evaluation.json["domains"][2]["all"]);
}

TEST_CASE("eval on a new domain: its images count as unseen, with labels of the checkpoint, classes may be fewer") {
  const TinyRun run;
  const std::string data = run.folder().data();
  const json all = run.evaluate();
  EvalOptions options{.checkpoint = run.checkpoint(), .place = {.threads = 2}};
  // The images of d2, as a domain that training had not, by a list.
  std::string rows = "path,domain,label\n", dark_rows = rows;
  for (int i = 0; i < 10; ++i) {
    const std::string name = std::to_string(i) + ".png";
    rows += "data/d2/bright/" + name + ",site,bright\n";
    for (std::string* text : {&rows, &dark_rows}) *text += "data/d2/dark/" + name + ",site,dark\n";
  }
  options.data.manifest = write_bytes(run.folder().path("site.csv"), rows).string();
  const json site = evaluate_checkpoint(options).json;
  REQUIRE(site["domains"].size() == 1);
  CHECK(site["domains"][0]["unseen"] == true);
  CHECK(site["domains"][0]["all"] == all["domains"][2]["all"]);
  CHECK(site["domains"][0]["out"].is_null());

  options.data.manifest = write_bytes(run.folder().path("dark.csv"), dark_rows).string();
  CHECK(error_of([&] { evaluate_checkpoint(options); }).find("has no image of the class(es) bright") !=
        std::string::npos);
  options.data.allow_missing_classes = true;
  const json dark = evaluate_checkpoint(options).json;
  CHECK(dark["classes"] == json{"bright", "dark"});
  CHECK(dark["domains"][0]["class_images"] == json{0, 10});
  CHECK(dark["domains"][0]["class_accuracy"][1] == all["domains"][2]["class_accuracy"][1]);

  options.data.manifest =
      write_bytes(run.folder().path("dim.csv"), "path,domain,label\ndata/d2/dark/0.png,s,dim\n").string();
  CHECK(error_of([&] { evaluate_checkpoint(options); }).find("has the class(es) dim, which ") != std::string::npos);
  // A part of training's domains keeps its splits.
  std::filesystem::create_directories(run.folder().path("part"));
  std::filesystem::copy(data + "/d2", run.folder().path("part/d2"), std::filesystem::copy_options::recursive);
  options.data = {.data_dir = run.folder().path("part")};
  const json part = evaluate_checkpoint(options).json;
  CHECK(part["domains"][0]["out"] == all["domains"][2]["out"]);
  CHECK(part["domains"][0]["unseen"] == false);
}

TEST_CASE("eval notes that the files are not those of training, and names them") {
  const TinyRun run;
  const Checkpoint checkpoint = read_checkpoint(run.checkpoint());
  CHECK(open_eval_data(checkpoint, {}).notes.empty());
  std::filesystem::rename(run.folder().data() + "/d0/dark/1.png", run.folder().data() + "/d0/dark/x.png");
  const std::vector<std::string> notes = open_eval_data(checkpoint, {}).notes;
  REQUIRE(notes.size() == 1);
  CHECK(notes[0].find("1 is gone (d0/dark/1.png), 1 is new (d0/dark/x.png)") != std::string::npos);
}

TEST_CASE("predict agrees with eval, image by image, in sorted order") {
  const TinyRun run;
  const json evaluation = run.evaluate();
  std::vector<std::vector<std::vector<int>>> confusion(3, {{0, 0}, {0, 0}});
  const std::vector<json> lines = run.predict_lines({run.folder().data()});
  REQUIRE(lines.size() == 60);
  std::string before;
  for (const json& line : lines) {
    const std::string path = line["path"];
    CHECK(before < path);
    before = path;
    REQUIRE(line["top"].size() == 2);  // as many as there are classes
    const double first = line["top"][0]["probability"], second = line["top"][1]["probability"];
    CHECK(first >= second);
    CHECK(first + second == doctest::Approx(1));
    CHECK(line["top"][0]["class"] == evaluation["classes"][line["top"][0]["index"].get<std::size_t>()]);
    const std::string inside = path.substr(run.folder().data().size());
    const auto domain = static_cast<std::size_t>(inside[2] - '0');
    const std::size_t label = inside.find("/dark/") != std::string::npos ? 1 : 0;
    ++confusion[domain][label][line["top"][0]["index"].get<std::size_t>()];
  }
  for (std::size_t domain = 0; domain < 3; ++domain)
    CHECK(evaluation["domains"][domain]["confusion"] == json(confusion[domain]));
  CHECK(run.predict_lines({run.folder().data() + "/d2/dark/3.png"}, 1)[0]["top"].size() == 1);
}

TEST_CASE("the mistakes of a domain are its surest wrong answers, as predict gives them") {
  const TinyRun run;
  // Nothing is hard about these images: what is wrong is the truth of one domain.
  const std::filesystem::path d0 = run.folder().data() + "/d0";
  std::filesystem::rename(d0 / "dark", run.folder().path("dark"));
  std::filesystem::rename(d0 / "bright", d0 / "dark");
  std::filesystem::rename(run.folder().path("dark"), d0 / "bright");
  const json evaluation =
      evaluate_checkpoint({.checkpoint = run.checkpoint(), .mistakes = 3, .place = {.threads = 2}}).json;
  std::size_t wrong = 0;
  for (const json& domain : evaluation["domains"]) {
    double before = 1;
    const json& mistakes = domain["mistakes"];
    const auto errors = domain["confusion"][0][1].get<std::size_t>() + domain["confusion"][1][0].get<std::size_t>();
    CHECK(mistakes.size() == std::min<std::size_t>(3, errors));
    wrong += mistakes.size();
    for (const json& mistake : mistakes) {
      const std::string file = mistake["file"];
      const std::string inside = domain["name"].get<std::string>() + "/" + mistake["truth"].get<std::string>() + "/";
      CHECK(file.find(inside) == 0);
      CHECK(mistake["predicted"] != mistake["truth"]);
      CHECK(mistake["confidence"].get<double>() <= before);
      before = mistake["confidence"];
      const json first = run.predict_lines({run.folder().data() + "/" + file}, 1)[0]["top"][0];
      CHECK(first["class"] == mistake["predicted"]);
      CHECK(first["probability"].get<double>() == doctest::Approx(before).epsilon(1e-6));
    }
  }
  CHECK(wrong >= 3);
  CHECK_FALSE(run.evaluate()["domains"][0].contains("mistakes"));
  CHECK(eval_file("runs/a/last.safetensors") == "runs/a/last.eval.json");
}

TEST_CASE("of many mistakes the surest are kept, the first image on ties") {
  DomainResult result("photo", false, split_indices(5, 0, 0, 0), 2, 2);
  result.add(std::vector<float>{1, 0}, 1);
  result.add(std::vector<float>{5, 0}, 0);  // right
  result.add(std::vector<float>{0, 3}, 0);
  result.add(std::vector<float>{1, 0}, 1);
  REQUIRE(result.mistakes().size() == 2);
  CHECK(result.mistakes()[0].image == 2);
  CHECK(result.mistakes()[0].predicted == 1);
  CHECK(result.mistakes()[0].confidence == doctest::Approx(1 / (1 + std::exp(-3.0))));
  CHECK(result.mistakes()[1].image == 0);
}

TEST_CASE("predict goes on after an image that it cannot read, names it, and fails at the end") {
  const TinyRun run;
  const std::string broken = run.folder().path("broken.png"), missing = run.folder().path("missing.png");
  const std::string good = run.folder().data() + "/d0/dark/1.png";
  write_bytes(broken, "not an image");
  std::ostringstream out, errors;
  const std::string error = error_of([&] {
    predict({.checkpoint = run.checkpoint(), .paths = {broken, good, missing}}, out, errors);
  });
  CHECK(error == "2 of 3 images could not be read");
  CHECK(errors.str().find(broken) != std::string::npos);
  CHECK(errors.str().find(missing) != std::string::npos);
  CHECK(out.str().find(good + "\n  ") == 0);
  CHECK(out.str().find("dark") != std::string::npos);

  std::filesystem::create_directory(run.folder().path("empty"));
  CHECK(error_of([&] {
          predict({.checkpoint = run.checkpoint(), .paths = {run.folder().path("empty")}}, out, errors);
        }).find("no image in this folder") != std::string::npos);
}

TEST_CASE("a checkpoint that is none, or another model's, is refused by name") {
  const TinyRun run;
  const std::string foreign = run.folder().path("foreign.safetensors");
  write_bytes(foreign, "not safetensors at all");
  for (const std::string& path : {foreign, run.folder().path("nothing.safetensors")})
    CHECK(error_of([&] { evaluate_checkpoint({.checkpoint = path}); }).find(path) != std::string::npos);
}

TEST_CASE("the tables mark the unseen domain and show the worst classes when there are many") {
  std::vector<std::string> classes;
  for (int k = 0; k < 25; ++k) classes.push_back("class" + std::to_string(k));
  std::vector<DomainResult> results;
  const Split split = split_indices(50, 0.2, 0, 0);
  for (const bool unseen : {false, true}) {
    DomainResult& result = results.emplace_back(unseen ? "sketch" : "photo", unseen, split, 25);
    for (int image = 0; image < 50; ++image) {
      std::vector<float> logits(25);
      const int label = image / 2;
      logits[static_cast<std::size_t>(label == 7 ? 8 : label)] = 1;  // class 7 is never recognised
      result.add(logits, label);
    }
  }
  CHECK(results[0].class_accuracy(7) == 0);
  CHECK(results[0].confusion(7, 8) == 2);
  CHECK(results[0].all().accuracy == doctest::Approx(0.96));
  CHECK(results[0].out().images == 10);
  const std::string text = results_text(results, classes);
  CHECK(text.find("sketch (unseen)      50     0.960") != std::string::npos);
  const auto table = text.find("worst classes");
  REQUIRE(table != std::string::npos);
  CHECK(text.find("class7", table) < text.find("class0", table));
  CHECK(text.find("class24", table) == std::string::npos);
  CHECK(std::isnan(DomainResult("none", false, split, 2).class_accuracy(1)));
}

}  // namespace
}  // namespace dgsam
