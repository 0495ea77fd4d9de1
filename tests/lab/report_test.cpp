#include "tools/lab/report/report.h"

#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "engine/core/check.h"
#include "tests/lab/report_run.h"
#include "tools/lab/drawing/svg.h"
#include "tools/lab/report/report_chart.h"
#include "tools/lab/report/report_figures.h"
#include "tools/lab/report/report_findings.h"
#include "tools/results/tables.h"

namespace dgsam {

namespace fs = std::filesystem;

TEST_CASE("the headline states the numbers of every method") {
  const TemporaryFolder folder;
  const ReportInput input{
      .runs = read_runs({make_run(folder.path(), "a", "erm", "0"), make_run(folder.path(), "b", "sam", "0")})};
  const std::string text = headline(input.runs);
  CHECK(contains(text, "On the unseen domain art the accuracy is 50.0\u00a0% for ERM and 50.0\u00a0% for SAM."));
  CHECK(contains(text, "on average 0.500 for ERM and 0.500 for SAM."));
  CHECK(contains(text, "single run"));
}

TEST_CASE("the page is well formed, needs no network and no script, and shows everything given") {
  const TemporaryFolder folder;
  ReportInput input{
      .runs = read_runs({make_run(folder.path(), "a", "erm", "0"), make_run(folder.path(), "b", "dgsam", "0"),
                         make_run(folder.path(), "c", "erm", "1"), make_run(folder.path(), "d", "erm", "\"none\"")})};
  input.title = "A title";
  input.explanation = "What was done.";
  input.commands = {"dgsam-run train --out here"};
  input.samples = {{"art", {{'M', 'a', 'n'}, {'M', 'a'}, {'M'}}}};
  const std::string page = html_report(input);
  CHECK(nesting_error(page) == "");
  CHECK_FALSE(contains(page, "<script"));
  CHECK_FALSE(contains(page, "http"));
  CHECK_FALSE(contains(page, "nan"));
  for (const std::string part :
       {"<html lang=\"en\">", "<title>A title</title>", "What was done.", "dgsam-run train --out here", "oneDNN",
        "adam.beta1", "Unseen domain: art", "Unseen domain: photo", "No domain left out", "prefers-color-scheme: dark",
        "base64,TWFu\"", "base64,TWE=\"", "base64,TQ==\"", "alt=\"art, sample 2 of 3\"",
        "<title>DGSAM, step 4: 50.0</title>", "<title>ERM, sketch: 0.750</title>"}) {
    CAPTURE(part);
    CHECK(contains(page, part));
  }
}

TEST_CASE("charts become SVG files of their own, named by heading and title, with a key and the page's colours") {
  const TemporaryFolder folder;
  const ReportInput input{
      .runs = read_runs({make_run(folder.path(), "a", "erm", "0"), make_run(folder.path(), "b", "dgsam", "0"),
                         make_run(folder.path(), "c", "erm", "1")})};
  const std::string page = html_report(input);
  const std::map<std::string, std::string> figures = svg_figures(page, {"ERM", "DGSAM"});
  REQUIRE(figures.contains("unseen-domain-art-training-loss-by-step.svg"));
  std::size_t charts = 0;
  for (std::size_t at = page.find("<svg viewBox=\"0 0"); at != std::string::npos;
       at = page.find("<svg viewBox=\"0 0", at + 1)) {
    ++charts;
  }
  CHECK(figures.size() == charts);
  for (const auto& [name, svg] : figures) {
    CAPTURE(name);
    CHECK(nesting_error(svg) == "");
    CHECK(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 "));
    for (const char* const part : {">ERM</text>", "#c24e00", "#ff9a4d", "prefers-color-scheme: dark"}) {
      CHECK_MESSAGE(contains(svg, part), part);
    }
    if (name.find("photo") == std::string::npos) CHECK(contains(svg, ">DGSAM</text>"));  // which has no run there
  }
  CHECK(write_figures(folder.path() / "figures", page, {"ERM", "DGSAM"}) == charts);
  CHECK(std::filesystem::exists(folder.path() / "figures" / "unseen-domain-photo-training-loss-by-step.svg"));
}

TEST_CASE("text from outside cannot become markup") {
  const TemporaryFolder folder;
  const std::string hostile = "<b onclick='x'>\"&";
  ReportInput input{.runs = read_runs({make_run(folder.path(), "a", "erm", "0")})};
  input.title = input.explanation = hostile;
  input.commands = {hostile};
  input.samples = {{hostile, {{1}}}};
  FinishedRun& run = input.runs[0];
  run.label = run.domains[0] = run.domains[1] = hostile;
  run.settings = run.versions = {{hostile, hostile}};
  const std::string page = html_report(input);
  CHECK_FALSE(contains(page, "<b onclick"));
  CHECK_FALSE(contains(page, "onclick='"));
  CHECK(contains(page, "&lt;b onclick=&#39;x&#39;&gt;&quot;&amp;"));
  CHECK(nesting_error(page) == "");
}

TEST_CASE("a report without runs, or of different data sets, is refused") {
  const TemporaryFolder folder;
  CHECK(contains(error_of([] { html_report({}); }), "at least one run"));
  ReportInput input{
      .runs = read_runs({make_run(folder.path(), "a", "erm", "0"), make_run(folder.path(), "b", "sam", "0")})};
  input.runs[1].domains.back() = "clipart";
  CHECK(contains(error_of([&] { text_tables(input.runs); }), "different domains"));
}

TEST_CASE("a page that cannot be written is an error that names its path") {
  const TemporaryFolder folder;
  const ReportInput input{.runs = read_runs({make_run(folder.path(), "a", "erm", "0")})};
  const fs::path path = folder.path() / "none" / "report.html";
  CHECK(contains(error_of([&] { write_report(path, html_report(input)); }), path.string()));
  write_report(folder.path() / "report.html", html_report(input));
  CHECK(fs::file_size(folder.path() / "report.html") == html_report(input).size());
}

TEST_CASE("ticks are round numbers inside the range") {
  CHECK(round_ticks(0, 200, 4) == std::vector<double>{0, 50, 100, 150, 200});
  CHECK(round_ticks(13, 47, 5) == std::vector<double>{20, 30, 40});
  const std::vector<double> small = round_ticks(-0.05, 0.31, 4);
  REQUIRE(small.size() == 4);
  CHECK(small[0] == doctest::Approx(0));
  CHECK(small[3] == doctest::Approx(0.3));
}

TEST_CASE("smoothing keeps the mean of each window, the last one shorter") {
  const Curve curve = smoothed({"x", 0, {0, 1, 2, 3, 4}, {1, 3, 5, 7, 10}}, 2);
  CHECK(curve.x == std::vector<double>{0.5, 2.5, 4});
  CHECK(curve.y == std::vector<double>{2, 6, 10});
}

TEST_CASE("charts of constant, single or missing values stay finite") {
  for (const std::vector<double>& y : {std::vector<double>{2, 2}, {0, 0}, {kMissing, 3}, {-1e9, 1e9}}) {
    const std::string svg = line_chart({"t", 1, true, {{"a", 0, {0, 5}, y}}});
    CHECK(contains(svg, "<path class=\"line\""));
    CHECK_FALSE(contains(svg, "nan"));
    CHECK_FALSE(contains(svg, "inf"));
  }
  CHECK(contains(line_chart({"t", 1, true, {{"a", 0, {0}, {kMissing}}}}), "Nothing was measured"));
  CHECK(contains(bar_chart({"t", {"g"}, {{"a", 0, {}, {kMissing}}}}), "Nothing was measured"));
  CHECK(contains(bar_chart({"t", {"g", "h"}, {{"a", 0, {}, {-0.2, 0.1}}}}), "<title>a, g: -0.200</title>"));
}

TEST_CASE("the page names the runs that are not done") {
  const TemporaryFolder folder;
  ReportInput input{.runs = read_runs({make_run(folder.path(), "a", "erm", "0")})};
  input.skipped = {"a is not done", "b has not begun", "d has failed"};
  const std::string page = html_report(input);
  CHECK(contains(page, "3 runs are not done and left out"));
  CHECK(contains(page, "d has failed"));
}

}  // namespace dgsam
