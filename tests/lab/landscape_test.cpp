// Landscapes of tiny runs: what is measured is the checkpoints' loss, and the files hold and show it.
#include "tools/lab/landscape/landscape.h"

#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>

#include "engine/io/safetensors.h"
#include "tests/tiny_folder.h"
#include "tools/lab/landscape/landscape_figure.h"
#include "tools/train/trainer.h"

namespace dgsam {
namespace {

/// Short runs that differ in their method, hence in their last steps; each is made when it is first asked for.
class TinyRuns {
 public:
  std::string checkpoint(const std::string& algorithm) const {
    const std::string path = folder_.path(algorithm + "/last.safetensors");
    if (std::filesystem::exists(path)) return path;
    TrainConfig config = folder_.config(algorithm, algorithm);
    config.sharpness_images = 0;
    config.steps = 2;
    config.threads = 1;
    Trainer(config).run();
    return path;
  }
  Landscape measure(const std::vector<std::string>& algorithms, int points, bool path = false) const {
    LandscapeOptions options{.path = path, .points = points, .surface = {.images = 8, .place = {.threads = 1}}};
    for (const std::string& algorithm : algorithms) options.checkpoints.push_back(checkpoint(algorithm));
    return measure_landscape(options);
  }
  const TinyFolder& folder() const { return folder_; }

 private:
  TinyFolder folder_;
};

const TinyRuns& runs() {
  static const TinyRuns runs;
  return runs;
}

/// The losses of a checkpoint as the rest of the program computes them.
std::vector<double> losses_of(const std::string& algorithm) {
  CheckpointSurface surface(read_checkpoint(runs().checkpoint(algorithm)), {.images = 8, .place = {.threads = 1}});
  std::vector<double> losses;
  for (const CheckpointSurface::NamedLoss& named : surface.losses())
    losses.push_back(named.loss->loss(surface.theta()));
  return losses;
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

/// Every element is closed, by itself or in the right order.
bool well_formed(const std::string& svg) {
  std::vector<std::string> open;
  for (std::size_t at = svg.find('<'); at != std::string::npos; at = svg.find('<', at + 1)) {
    const std::size_t end = svg.find('>', at);
    if (end == std::string::npos) return false;
    const std::string tag = svg.substr(at + 1, end - at - 1);
    if (tag.back() == '/') continue;
    const std::string name = tag.substr(0, tag.find_first_of(" \n"));
    if (name[0] != '/') {
      open.push_back(name);
    } else if (open.empty() || open.back() != name.substr(1)) {
      return false;
    } else {
      open.pop_back();
    }
  }
  return open.empty();
}

TEST_CASE("a random plane has the checkpoint's losses in its middle, to the bit, and others elsewhere") {
  const Landscape landscape = runs().measure({"dgsam"}, 3);
  CHECK(landscape.x == std::vector<double>{-1, 0, 1});
  CHECK(landscape.y == landscape.x);
  const std::vector<double> expected = losses_of("dgsam");
  REQUIRE(landscape.losses.size() == 4);
  REQUIRE(expected.size() == 4);
  CHECK(landscape.losses[1].role == "unseen");
  CHECK(landscape.losses[3].role == "total");
  for (std::size_t k = 0; k < 4; ++k) {
    const Surface& values = landscape.losses[k].values;
    CHECK(values[1][1] == expected[k]);
    CHECK(landscape.points[0].losses[k] == expected[k]);
    CHECK(std::set<double>{values[0][0], values[0][2], values[1][1], values[2][0], values[2][2]}.size() == 5);
  }
  for (std::size_t j = 0; j < 3; ++j) {
    for (std::size_t i = 0; i < 3; ++i) {
      const double mean = (landscape.losses[0].values[j][i] + landscape.losses[2].values[j][i]) / 2;
      CHECK(landscape.losses[3].values[j][i] == mean);
    }
  }
}

TEST_CASE("a path begins and ends in the checkpoints' losses, and goes beyond") {
  const Landscape landscape = runs().measure({"erm", "dgsam"}, 5);
  CHECK(landscape.x == std::vector<double>{-0.25, 0, 0.25, 0.5, 0.75, 1, 1.25});
  CHECK(landscape.x_label == "from erm (0) to dgsam (1)");
  const std::vector<double> first = losses_of("erm"), second = losses_of("dgsam");
  for (std::size_t k = 0; k < first.size(); ++k) {
    CHECK(landscape.losses[k].values[0][1] == first[k]);
    CHECK(landscape.losses[k].values[0][5] == doctest::Approx(second[k]).epsilon(1e-5));
    CHECK(landscape.points[1].losses[k] == second[k]);
    CHECK(first[k] != second[k]);
  }
  const Landscape line = runs().measure({"erm"}, 3, true), plane = runs().measure({"erm"}, 3);
  CHECK_FALSE(line.plane);
  for (std::size_t k = 0; k < first.size(); ++k) CHECK(line.losses[k].values[0] == plane.losses[k].values[1]);
}

TEST_CASE("the plane through three checkpoints shows all of them, with their own losses") {
  const Landscape landscape = runs().measure({"erm", "sam", "dgsam"}, 2);
  REQUIRE(landscape.points.size() == 3);
  CHECK(landscape.x.back() - landscape.x.front() ==
        doctest::Approx(landscape.y.back() - landscape.y.front()).epsilon(1e-12));
  const char* const algorithms[] = {"erm", "sam", "dgsam"};
  for (std::size_t i = 0; i < 3; ++i) {
    const Landscape::Point& point = landscape.points[i];
    CHECK(point.name == algorithms[i]);
    CHECK(point.algorithm == algorithms[i]);
    CHECK(point.losses == losses_of(algorithms[i]));
    CHECK(point.x > landscape.x.front());
    CHECK(point.x < landscape.x.back());
    CHECK(point.y > landscape.y.front());
    CHECK(point.y < landscape.y.back());
  }
}

TEST_CASE("two measurements give the same bytes in every file; other seeds give others") {
  LandscapeOptions options{.checkpoints = {runs().checkpoint("sam")}, .points = 3, .surface = {.images = 4}};
  options.surface.place.threads = 1;
  const Landscape first = measure_landscape(options), again = measure_landscape(options);
  const ColourScale scale = scale_of({&first, 1}, true);
  CHECK(first.json() == again.json());
  CHECK(landscape_svg(first, scale) == landscape_svg(again, scale_of({&again, 1}, true)));
  options.seed = 1;
  CHECK(measure_landscape(options).json()["losses"] != first.json()["losses"]);
}

TEST_CASE("the file has the documented fields and reads back as what was written") {
  for (const bool path : {false, true}) {
    Landscape landscape = runs().measure({"dgsam"}, 3, path);
    landscape.losses[0].values[0][0] = std::numeric_limits<double>::infinity();
    const std::string file = runs().folder().path("landscape.json");
    write_bytes(file, landscape.json().dump());
    const nlohmann::json json = nlohmann::json::parse(read_bytes(file));
    CHECK(json["checkpoint"] == runs().checkpoint("dgsam"));
    CHECK(json["algorithm"] == "dgsam");
    CHECK(json["kind"] == (path ? "path" : "plane"));
    CHECK(json["directions"] == "random");
    CHECK(json["x"] == std::vector<double>{-1, 0, 1});
    CHECK(json.contains("y") == !path);
    CHECK(json["points"][0]["name"] == "last.safetensors");
    CHECK(json["losses"][1]["name"] == "d1");
    CHECK(json["losses"][1]["role"] == "unseen");
    CHECK(json["losses"][1]["images"] == 8);
    const nlohmann::json& row = path ? json["losses"][0]["values"] : json["losses"][0]["values"][0];
    CHECK(row[0].is_null());
    CHECK(row[1] == landscape.losses[0].values[0][1]);
    const Landscape read = read_landscape(file);
    CHECK(read.json().dump() == landscape.json().dump());
    const ColourScale scale = scale_of({&landscape, 1}, true);
    CHECK(landscape_svg(read, scale) == landscape_svg(landscape, scale));
  }
}

TEST_CASE("the SVG is well-formed, has a panel per loss, its marks, and names escaped") {
  Landscape landscape = runs().measure({"erm", "sam", "dgsam"}, 3);
  landscape.losses[0].name = "a<b & c";
  const std::string svg = landscape_svg(landscape, scale_of({&landscape, 1}, true));
  CHECK(well_formed(svg));
  CHECK_FALSE(well_formed(svg + "<g>"));
  CHECK(count(svg, "<image ") == landscape.losses.size() + 1);  // and the colour bar
  CHECK(count(svg, "<circle ") == 3 * landscape.losses.size());
  for (const char* text : {">a&lt;b &amp; c</text>", ">d1 (unseen)</text>", ">d2</text>", ">total (of sources)</text>"})
    CHECK(count(svg, text) == 1);
  const Landscape path = runs().measure({"erm", "sam"}, 3);
  const std::string curves = landscape_svg(path, scale_of({&path, 1}, false));
  CHECK(well_formed(curves));
  CHECK(count(curves, "stroke-width=\"2.00\"") == 2 * 3);  // each domain's curve, and its line in the key
  CHECK(count(curves, "stroke-width=\"3.00\"") == 2);      // the total's
}

TEST_CASE("what makes no landscape is refused by name") {
  const auto error = [](LandscapeOptions options) {
    options.surface.images = 4;
    return error_of([&] { measure_landscape(options); });
  };
  const std::string erm = runs().checkpoint("erm"), sam = runs().checkpoint("sam");
  const std::string none = runs().folder().path("none.safetensors"), text = runs().folder().path("text.safetensors");
  write_bytes(text, "this is no checkpoint at all");
  CHECK(error({.checkpoints = {none}}).find(none) != std::string::npos);
  CHECK(error({.checkpoints = {erm, text}}).find(text) != std::string::npos);
  CHECK(error({.checkpoints = {erm, sam, erm, sam}}).find("not through 4") != std::string::npos);
  CHECK(error({.checkpoints = {erm, erm}}).find(erm + " and " + erm + ": the points are 0 apart") == 0);
  CHECK(error({.checkpoints = {erm, sam, sam}}).find("on one line") != std::string::npos);
  CHECK(error({.checkpoints = {erm, sam}, .path = true}).find("--path") == 0);
  CHECK(error({.checkpoints = {erm}, .points = 4}).find("--points 4 is even") == 0);
  CHECK(error({.checkpoints = {erm, sam}, .points = 1}).find("--points 1 is too few") == 0);
  CHECK(error({.checkpoints = {erm}, .range = 0}).find("--range 0") == 0);
  CHECK(error({.checkpoints = {erm, sam}, .extend = -1}).find("--extend -1") == 0);
}

TEST_CASE("a checkpoint of another network or of other classes is refused") {
  const SafetensorsFile erm(runs().checkpoint("erm"));
  std::vector<NamedTensor> tensors;
  for (const TensorFile::Entry& entry : erm.entries())
    tensors.push_back({entry.name, entry.dtype, entry.shape, erm.read_bytes(entry)});
  const std::string other = runs().folder().path("other.safetensors");
  const auto error = [&] {
    return error_of([&] { measure_landscape({.checkpoints = {erm.path(), other}, .surface = {.images = 4}}); });
  };
  auto metadata = erm.metadata();
  metadata["classes"] = R"(["cat", "dog"])";
  write_safetensors(other, tensors, metadata);
  CHECK(error().find(other + " and " + erm.path() + " have different classes") == 0);
  tensors.pop_back();
  write_safetensors(other, tensors, erm.metadata());
  CHECK(error().find(other) != std::string::npos);
}

TEST_CASE("a file that is no landscape is refused with what is wrong") {
  const std::string file = runs().folder().path("broken.json");
  const nlohmann::ordered_json good = runs().measure({"erm"}, 3).json();
  const auto error = [&](const std::string& text) {
    write_bytes(file, text);
    const std::string message = error_of([&] { read_landscape(file); });
    CHECK(message.find(file) == 0);
    return message;
  };
  CHECK(error("{").find("not a JSON object") != std::string::npos);
  CHECK(error("{}").find("'kind' not found") != std::string::npos);
  nlohmann::ordered_json broken = good;
  broken["losses"][1]["values"][2].erase(0);
  CHECK(error(broken.dump()).find("d1 has not one value per x") != std::string::npos);
  broken = good;
  broken["x"] = {1, 0, -1};
  CHECK(error(broken.dump()).find("x is not ascending") != std::string::npos);
  broken = good;
  broken["points"][0]["losses"] = {1};
  CHECK(error(broken.dump()).find("last.safetensors has not one value per loss") != std::string::npos);
}

TEST_CASE("names of checkpoints are what tells them apart") {
  CHECK(distinct_names({"runs/a/last.safetensors"}) == std::vector<std::string>{"last.safetensors"});
  CHECK(distinct_names({"runs/a/last.st", "runs/b/last.st"}) == std::vector<std::string>{"a", "b"});
  CHECK(distinct_names({"s/x/run/last.st", "s/y/run/best.st"}) ==
        std::vector<std::string>{"x/run/last.st", "y/run/best.st"});
  CHECK(distinct_names({"a/last.st", "a/best.st"}) == std::vector<std::string>{"last.st", "best.st"});
  CHECK(distinct_names({"a.st", "./a.st"}) == std::vector<std::string>{"a.st", "a.st"});
}

TEST_CASE("a scale ends where it is told to, else at the highest loss or five times that of guessing") {
  Landscape landscape{.x = {0, 1}, .y = {0, 1}, .classes = 10};
  landscape.losses.push_back({"a", "source", 1, {{0.5, 4}, {1, 2}}});
  CHECK(scale_of({&landscape, 1}, true).low == 0.5);
  CHECK(scale_of({&landscape, 1}, true).high == 4);
  landscape.losses.push_back({"b", "source", 1, {{1e6, std::nan("")}, {0.25, 2}}});
  const ColourScale scale = scale_of({&landscape, 1}, true);
  CHECK(scale.low == 0.25);
  CHECK(scale.high == doctest::Approx(5 * std::log(10)));
  CHECK(scale_of({&landscape, 1}, true, 3.0).high == 3);
  CHECK(error_of([&] { scale_of({&landscape, 1}, true, 0.1); }).find("lowest loss is 0.25") != std::string::npos);
  landscape.losses[1].values = {{0, 0}, {0, 0}};
  CHECK(scale_of({&landscape, 1}, true).low > 0);
  CHECK(scale_of({&landscape, 1}, false).low == 0);
  landscape.losses.erase(landscape.losses.begin());
  CHECK(error_of([&] { scale_of({&landscape, 1}, false); }).empty() == false);
}

}  // namespace
}  // namespace dgsam
