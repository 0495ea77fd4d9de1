// What the analysis commands left beside a checkpoint, in the report.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "data/image.h"
#include "tests/lab/report_run.h"
#include "tools/lab/report/report.h"
#include "tools/lab/report/report_landscape.h"
#include "tools/lab/report/report_mistakes.h"
#include "tools/lab/report/report_sharpness.h"
#include "tools/results/analysis_records.h"
#include "tools/results/experiments.h"

namespace dgsam {
namespace {

namespace fs = std::filesystem;
using OrderedJson = nlohmann::ordered_json;

OrderedJson sharpness(double scale) {
  OrderedJson losses = OrderedJson::array();
  for (const auto& [name, role, part] : {std::tuple{"photo", "source", 1.0},
                                         {"sketch", "source", 3.0},
                                         {"art", "unseen", 2.0},
                                         {"total", "total", 0.5}}) {
    losses.push_back({{"name", name},
                      {"role", role},
                      {"worst_case",
                       {{{"radius", 0.05}, {"one_step", scale * part * 0.1}, {"multi_step", scale * part * 0.2}},
                        {{"radius", 0.1}, {"one_step", scale * part * 0.3}, {"multi_step", scale * part * 0.4}}}},
                      {"eigenvalues", {{{"value", scale * part * 10}, {"residual", 0.01}}}},
                      {"trace", {{"mean", scale * part * 100}, {"standard_error", 4.0}, {"samples", 8}}}});
  }
  return {{"images", 256}, {"losses", losses}};
}

/// A plane of three by three losses of which the middle one is `low` and the others `high`.
OrderedJson plane(double low, double high) {
  return {{"kind", "plane"},
          {"x", {-1, 0, 1}},
          {"y", {-1, 0, 1}},
          {"points", {{{"name", "last.safetensors"}, {"x", 0}, {"y", 0}}}},
          {"losses",
           {{{"name", "photo"},
             {"role", "source"},
             {"values", {{high, high, high}, {high, low, high}, {high, high, high}}}}}}};
}

OrderedJson evaluation() {
  return {
      {"classes", {"cat", "dog"}},
      {"domains",
       {{{"name", "art"},
         {"unseen", true},
         {"confusion", {{8, 2}, {1, 9}}},
         {"mistakes", {{{"file", "art/cat/1.png"}, {"truth", "cat"}, {"predicted", "dog"}, {"confidence", 0.987}}}}}}}};
}

/// Runs of ERM and SAM that have what `records` says: a file's name and its contents by method.
class Runs {
 public:
  explicit Runs(const std::vector<std::pair<std::string, std::vector<OrderedJson>>>& records) {
    std::vector<fs::path> paths;
    for (const std::string algorithm : {"erm", "sam"})
      paths.push_back(make_run(folder_.path(), algorithm, algorithm, "0"));
    for (const auto& [name, by_method] : records) {
      for (std::size_t i = 0; i < by_method.size(); ++i) write_bytes(paths[i] / name, by_method[i].dump());
    }
    input_.runs = read_runs(paths);
  }
  const TemporaryFolder& folder() const { return folder_; }
  Experiment experiment() const { return experiments_of(input_.runs)[0]; }
  std::vector<std::string> labels() const { return labels_of(input_.runs); }
  const ReportInput& input() const { return input_; }

 private:
  TemporaryFolder folder_;
  ReportInput input_;
};

std::string reading_error(const std::string& name, const OrderedJson& contents) {
  const TemporaryFolder folder;
  write_bytes(folder / name, contents.dump());
  const std::string error = error_of([&] { read_analysis(folder.path(), "last"); });
  CHECK(error.find((folder / name).string()) == 0);
  return error;
}

OrderedJson without(OrderedJson json, const std::string& key) {
  json.erase(key);
  return json;
}

TEST_CASE("a run without analyses has none, and its page no empty part") {
  const Runs runs({});
  CHECK_FALSE(runs.input().runs[0].analysis.sharpness);
  CHECK(sharpness_part(runs.experiment(), runs.labels()).empty());
  CHECK(landscape_part(runs.experiment()).empty());
  CHECK(mistakes_part(runs.experiment(), {}).empty());
  CHECK_FALSE(contains(html_report(runs.input()), "<h3>"));
}

TEST_CASE("malformed analyses are errors that name the file and the part") {
  CHECK(contains(reading_error("last.sharpness.json", OrderedJson::array()), "is not a JSON object"));
  CHECK(contains(reading_error("last.sharpness.json", {{"losses", OrderedJson::array()}}), "\"losses\" is empty"));
  OrderedJson bad = sharpness(1);
  bad["losses"][1]["role"] = "target";
  CHECK(contains(reading_error("last.sharpness.json", bad), "loss \"sketch\": \"role\" is \"target\""));
  bad = sharpness(1);
  bad["losses"][0]["worst_case"][1].erase("radius");
  CHECK(
      contains(reading_error("last.sharpness.json", bad), "loss \"photo\": an entry of \"worst_case\" has no radius"));
  bad = sharpness(1);
  bad["losses"][0]["trace"]["mean"] = "much";
  CHECK(contains(reading_error("last.sharpness.json", bad), "\"mean\" is \"much\", not a number"));

  CHECK(contains(reading_error("last.landscape.json", without(plane(1, 2), "kind")), "no text \"kind\""));
  bad = plane(1, 2);
  bad["losses"][0]["values"].erase(2);
  CHECK(contains(reading_error("last.landscape.json", bad), "does not have 3 numbers in each of 3 rows"));
  bad = plane(1, 2);
  bad["x"] = {0, 0, 1};
  CHECK(contains(reading_error("last.landscape.json", bad), "\"x\" is not a list of at least two ascending numbers"));
  bad["kind"] = "sphere";
  CHECK(contains(reading_error("last.landscape.json", bad), "\"kind\" is \"sphere\""));

  CHECK(contains(reading_error("last.eval.json", without(evaluation(), "classes")), "no list \"classes\""));
  bad = evaluation();
  bad["domains"][0]["confusion"][1] = {1};
  CHECK(
      contains(reading_error("last.eval.json", bad), "domain \"art\": a row of \"confusion\" is not 2 whole numbers"));
}

TEST_CASE("with SWAD the analyses are those of the averaged weights") {
  const TemporaryFolder folder;
  write_bytes(folder / "swad.eval.json", evaluation().dump());
  CHECK(read_analysis(folder.path(), "swad").eval.has_value());
  CHECK_FALSE(read_analysis(folder.path(), "last").eval.has_value());
}

TEST_CASE("sharpness is shown per domain and total, every figure of the file once") {
  const Runs runs({{"last.sharpness.json", {sharpness(1), sharpness(0.5)}}});
  const std::string html = sharpness_part(runs.experiment(), runs.labels());
  CHECK(nesting_error(html) == "");
  for (const std::string part :
       {"<title>ERM, radius 0.05: 0.2000</title>", "<title>SAM, radius 0.1: 0.6000</title>", ">art, unseen</th>",
        "<td>30.0</td><td>15.0</td>", "<td>300</td><td>150</td>", "within radius 0.1</th>",
        "multi-step, radius 0.05</th><td>0.2000</td><td>0.1000</td>", "largest residual</th><td>0.0100</td>"}) {
    CAPTURE(part);
    CHECK(contains(html, part));
  }
}

TEST_CASE("a single radius is shown as bars") {
  OrderedJson one = sharpness(1);
  for (OrderedJson& loss : one["losses"]) loss["worst_case"].erase(1);
  const Runs runs({{"last.sharpness.json", {one}}});
  const std::string html = sharpness_part(runs.experiment(), runs.labels());
  CHECK(contains(html, "<title>ERM, sketch: 0.6000</title>"));
  CHECK_FALSE(contains(html, "SAM"));  // it has no record
}

TEST_CASE("averages of sharpness need a record in every unseen domain, and average the sources") {
  const TemporaryFolder folder;
  std::vector<fs::path> paths;
  for (const char* unseen : {"0", "1"}) {
    for (const std::string algorithm : {"erm", "sam"}) {
      paths.push_back(make_run(folder.path(), algorithm + unseen, algorithm, unseen));
      const bool missing = algorithm == "sam" && unseen == std::string("1");
      if (!missing)
        write_bytes(paths.back() / "last.sharpness.json", sharpness(unseen == std::string("0") ? 1 : 2).dump());
    }
  }
  const ReportInput input{.runs = read_runs(paths)};
  const std::string html = average_sharpness_part(averaged_experiments(input.runs), labels_of(input.runs));
  CHECK(nesting_error(html) == "");
  CHECK_FALSE(contains(html, "SAM"));
  CHECK(contains(html, "<th scope=\"row\">mean of sources</th><td>30.0</td>"));  // ((10 + 30) + (20 + 60)) / 4
  CHECK(contains(html, "<th scope=\"row\">unseen domain</th><td>30.0</td>"));
}

/// The bands of colour that are drawn.
std::set<std::string> bands(const std::string& html) {
  std::set<std::string> found;
  for (std::size_t at = html.find("<path class=\"v"); at != std::string::npos;
       at = html.find("<path class=\"v", at + 1)) {
    found.insert(html.substr(at + 13, html.find('"', at + 13) - at - 13));
  }
  return found;
}

TEST_CASE("all panels of an experiment share one colour scale") {
  const Runs alone({{"last.landscape.json", {plane(1, 2)}}});
  const std::string one = landscape_part(alone.experiment());
  CHECK(nesting_error(one) == "");
  CHECK(bands(one).contains("v0"));
  CHECK(bands(one).contains("v11"));
  CHECK(contains(one, ">1.00</text>"));
  CHECK(contains(one, ">2.00</text>"));
  CHECK(contains(one, "<title>last.safetensors</title>"));

  const Runs both({{"last.landscape.json", {plane(1, 2), plane(4, 4)}}});
  const std::string two = landscape_part(both.experiment());
  const std::size_t sam = two.find("weights of SAM");
  REQUIRE(sam != std::string::npos);
  CHECK(bands(two.substr(0, sam)) == std::set<std::string>{"v0", "v1", "v2", "v3"});  // 1 to 2 of 1 to 4
  CHECK(bands(two.substr(sam)) == std::set<std::string>{"v11"});
  CHECK(contains(two, ">4.00</text>"));
}

TEST_CASE("the scale ends at five times the loss of guessing") {
  OrderedJson steep = plane(1, 1000);
  steep["classes"] = 10;
  const Runs runs({{"last.landscape.json", {steep}}});
  const std::string html = landscape_part(runs.experiment());
  CHECK(contains(html, ">11.51</text>"));  // 5 ln 10
  CHECK(contains(html, "above the scale"));
}

TEST_CASE("a landscape of one loss, of wide range, or with gaps stays finite") {
  OrderedJson gap = plane(0.01, 100);
  gap["losses"][0]["values"][0][0] = nullptr;
  for (const OrderedJson& json : {plane(3, 3), plane(0, 0), gap}) {
    const Runs runs({{"last.landscape.json", {json}}});
    const std::string html = landscape_part(runs.experiment());
    CHECK_FALSE(bands(html).empty());
    CHECK_FALSE(contains(html, "nan"));
    CHECK_FALSE(contains(html, "inf\""));
    CHECK(contains(html, "not finite") == (json == gap));
  }
}

TEST_CASE("paths are charts with one scale") {
  const auto path = [](double high) -> OrderedJson {
    return {{"kind", "path"},
            {"x", {0, 0.5, 1}},
            {"x_label", "from a to b"},
            {"losses", {{{"name", "photo"}, {"role", "source"}, {"values", {0.5, high, 0.5}}}}}};
  };
  const Runs runs({{"last.landscape.json", {path(1), path(10)}}});
  const std::string html = landscape_part(runs.experiment());
  CHECK(nesting_error(html) == "");
  const std::size_t sam = html.find("Loss along a path, SAM");
  REQUIRE(sam != std::string::npos);
  for (const std::string& part : {html.substr(0, sam), html.substr(sam)}) CHECK(contains(part, ">10</text>"));
}

TEST_CASE("mistakes are shown with their images, by domain and method; confusions as a table") {
  const Runs runs({{"last.eval.json", {evaluation()}}});
  const std::string bare = mistakes_part(runs.experiment(), {});
  CHECK(nesting_error(bare) == "");
  for (const std::string part : {"<b>dog</b> 98.7", "truth: cat", "art/cat/1.png", ">8</td>", "--part:20%\">2</td>"}) {
    CAPTURE(part);
    CHECK(contains(bare, part));
  }
  CHECK_FALSE(contains(bare, "<img"));

  const fs::path image = runs.folder() / "data" / "art" / "cat" / "1.png";
  CHECK(contains(error_of([&] { mistakes_part(runs.experiment(), runs.folder() / "data"); }), image.string()));
  fs::create_directories(image.parent_path());
  write_png(image, Image(4, 4));
  CHECK(contains(mistakes_part(runs.experiment(), runs.folder() / "data"),
                 "alt=\"cat taken for dog: art/cat/1.png\" src=\"data:image/png;base64,iVBOR"));
}

TEST_CASE("a large image becomes a small JPEG, a small file stays as it is") {
  const TemporaryFolder folder;
  Image image(300, 150);
  for (std::size_t i = 0; i < image.rgb.size(); ++i) image.rgb[i] = static_cast<std::uint8_t>(i * i >> 3);
  write_png(folder / "large.png", image);
  const std::vector<std::uint8_t> small = thumbnail(folder / "large.png", 60);
  const Image decoded = decode_image(small, "thumbnail");
  CHECK(decoded.width == 60);
  CHECK(decoded.height == 30);
  CHECK(small[0] == 0xFF);
  write_png(folder / "small.png", Image(8, 8));
  const std::string bytes = read_bytes(folder / "small.png");
  CHECK(thumbnail(folder / "small.png", 60) == std::vector<std::uint8_t>(bytes.begin(), bytes.end()));
}

}  // namespace
}  // namespace dgsam
