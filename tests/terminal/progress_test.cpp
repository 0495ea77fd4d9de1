#include "tools/terminal/progress.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include "engine/core/check.h"

namespace dgsam {
namespace {

/// A screen with a clock that the test sets.
struct FakeScreen {
  double time = 100;
  int columns = 80;
  std::ostringstream out;

  ProgressScreen screen(bool interactive) {
    return {&out, interactive, [this] { return columns; }, [this] { return time; }};
  }
  /// What was written since the last call.
  std::string written() {
    std::string text = out.str();
    out.str("");
    return text;
  }
};

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

}  // namespace

TEST_CASE("a terminal line shows percentage, count, rate, time left and the note") {
  FakeScreen fake;
  ProgressBar bar("train SAM", 200, 0, fake.screen(true));
  fake.written();
  fake.time += 30;
  bar.advance(120, "loss 0.81");
  CHECK(fake.written() == "\rtrain SAM [############........] 60%  120/200  4.0/s  0:20 left  loss 0.81");
}

TEST_CASE("a terminal line is redrawn at most ten times a second") {
  FakeScreen fake;
  ProgressBar bar("work", 1000, 0, fake.screen(true));
  fake.written();
  for (int i = 0; i < 1000; ++i) {
    fake.time += 0.001;
    bar.advance();
  }
  const std::string text = fake.written();
  const auto redraws = std::count(text.begin(), text.end(), '\r');
  CHECK(redraws >= 8);
  CHECK(redraws <= 10);
}

TEST_CASE("a terminal line never reaches the last column and covers a longer line before it") {
  FakeScreen fake;
  fake.columns = 60;
  ProgressBar bar("a title that is rather long", 10, 0, fake.screen(true));
  fake.written();
  fake.time += 5;
  bar.advance(1, "a note that is rather long as well");
  CHECK(fake.written().size() == 1 + 59);
  fake.time += 5;
  bar.advance(9);
  fake.written();
  fake.columns = 80;
  bar.finish();
  const std::string last = fake.written();
  CHECK(last.front() == '\r');
  CHECK(last.back() == '\n');
  CHECK(last.size() >= 1 + 59 + 1);
}

TEST_CASE("in a narrow terminal the bar goes first and the title second: the percentage is always seen") {
  FakeScreen fake;
  const auto shown = [&](int columns) {
    fake.columns = columns;
    ProgressBar bar("Evaluating", 200, 0, fake.screen(true));
    fake.written();
    fake.time += 30;
    bar.advance(120);
    return fake.written();
  };
  CHECK(shown(80).find("Evaluating [############........] 60%  120/200") == 1);
  CHECK(shown(40) == "\rEvaluating [############........] 60%  ");
  CHECK(shown(31) == "\rEvaluating 60%  120/200  4.0/s");
  CHECK(shown(20) == "\rEvaluating 60%  120");
  CHECK(shown(12) == "\r60%  120/20");
}

TEST_CASE("without a terminal a line is printed every ten seconds and at the end") {
  FakeScreen fake;
  ProgressBar bar("train ERM", 100, 0, fake.screen(false));
  for (int i = 0; i < 100; ++i) {
    fake.time += 0.25;
    bar.advance();
  }
  bar.finish();
  bar.finish();
  CHECK(lines_of(fake.written()) == std::vector<std::string>{"train ERM: 40%  40/100  4.0/s  0:15 left",
                                                             "train ERM: 80%  80/100  4.0/s  0:05 left",
                                                             "train ERM: 100 in 0:25 (4.0/s)"});
}

TEST_CASE("there is no estimate before a second of evidence") {
  FakeScreen fake;
  ProgressBar bar("work", 100, 0, fake.screen(true));
  fake.time += 0.9;
  bar.advance(50);
  CHECK(bar.seconds_left() < 0);
  CHECK(fake.written().find("left") == std::string::npos);
  fake.time += 0.1;
  bar.advance(0);
  CHECK(bar.seconds_left() == doctest::Approx(1));
}

TEST_CASE("the estimate follows a machine that slows down") {
  FakeScreen fake;
  ProgressBar bar("work", 2000, 0, fake.screen(true));
  for (int i = 0; i < 1000; ++i) {  // 100 seconds at 10/s
    fake.time += 0.1;
    bar.advance();
  }
  CHECK(bar.rate() == doctest::Approx(10).epsilon(0.01));
  for (int i = 0; i < 200; ++i) {  // 200 seconds at 1/s
    fake.time += 1;
    bar.advance();
  }
  CHECK(bar.rate() == doctest::Approx(1).epsilon(0.02));
  CHECK(bar.seconds_left() == doctest::Approx(800).epsilon(0.02));
}

TEST_CASE("the estimate counts pauses that come again and again") {
  FakeScreen fake;
  ProgressBar bar("work", 1000, 0, fake.screen(true));
  for (int i = 1; i <= 500; ++i) {
    fake.time += i % 50 == 0 ? 10 : 0.1;  // an evaluation of 10 seconds every 50 steps
    bar.advance();
  }
  CHECK(bar.seconds_left() == doctest::Approx(10 * (10 + 4.9)).epsilon(0.15));
}

TEST_CASE("a pause ends the terminal line once, and the next step draws a new one") {
  FakeScreen fake;
  ProgressBar bar("work", 4, 0, fake.screen(true));
  bar.pause();
  bar.pause();
  CHECK(lines_of(fake.written()).size() == 1);
  fake.time += 2;
  bar.set(2);
  CHECK(fake.written() == "\rwork [##########..........] 50%  2/4  1.0/s  0:02 left");
}

TEST_CASE("work that stops early is not reported as finished") {
  FakeScreen fake;
  { const ProgressBar bar("work", 4, 0, fake.screen(false)); }
  CHECK(fake.written().empty());
  { const ProgressBar bar("work", 4, 0, fake.screen(true)); }
  CHECK(fake.written() == "\rwork [....................] 0%  0/4\n");
}

TEST_CASE("slow steps are told in seconds each, and nothing to do is an error") {
  FakeScreen fake;
  ProgressBar bar("work", 10, 0, fake.screen(false));
  fake.time += 12.5;
  bar.advance(5);
  CHECK(fake.written() == "work: 50%  5/10  2.5 s each  0:13 left\n");
  CHECK_THROWS_AS(ProgressBar("none", 0, 0, fake.screen(false)), Error);
}

TEST_CASE("durations read as minutes or hours") {
  CHECK(format_duration(0.4) == "0:00");
  CHECK(format_duration(59.6) == "1:00");
  CHECK(format_duration(3599) == "59:59");
  CHECK(format_duration(11100) == "3:05:00");
}

}  // namespace dgsam
