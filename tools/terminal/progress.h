// A progress bar with a rate and an honest estimate of the time left.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <iosfwd>
#include <string>

namespace dgsam {

/// Where progress is shown. A test brings its own.
struct ProgressScreen {
  std::ostream* out = nullptr;
  bool interactive = false;         // a terminal: one line is redrawn. Otherwise plain lines, seldom
  std::function<int()> columns;     // width of the terminal; asked at each redraw
  std::function<double()> seconds;  // a clock that never goes back

  /// std::cerr, interactive if it is a terminal that can redraw, with the steady clock.
  static ProgressScreen standard_error();
};

/// Shows "train SAM [######....] 60%  120/200  3.1/s  0:26 left  loss 0.81".
///
/// The rate is that of the recent half of the work (at least of the last 15 seconds), so that it follows a machine that
/// slows down, yet averages over pauses such as evaluations. There is no estimate before there is a second of evidence.
/// On a terminal the line is redrawn at most ten times a second and cut to the width; elsewhere a line is printed at
/// most every ten seconds, and one at the end. Text is ASCII. Not for several threads
/// at once.
class ProgressBar {
 public:
  /// total > 0: the number of steps, of which `done` were done before.
  ProgressBar(std::string title, std::int64_t total, std::int64_t done = 0,
              ProgressScreen screen = ProgressScreen::standard_error());
  /// pause(). Work that did not finish() is not reported as finished.
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  /// `done` steps in all are done. `note` is shown at the end of the line until the next one.
  void set(std::int64_t done, const std::string& note = "");
  /// `steps` more are done.
  void advance(std::int64_t steps = 1, const std::string& note = "") { set(done_ + steps, note); }
  /// Ends the line on a terminal, so that other text can be printed; the next set() draws a new one.
  void pause();
  /// Prints the last line: steps, time, mean rate, note. Further calls do nothing.
  void finish();

  /// Steps per second of the recent work; 0 when there is too little evidence.
  double rate() const;
  /// At that rate; negative when unknown.
  double seconds_left() const;

 private:
  struct Sample {
    double time;
    std::int64_t done;
  };
  void remember(double now);
  std::string status() const;
  std::string bar() const;
  void show(std::string line);

  std::string title_, note_;
  std::int64_t total_, done_before_, done_;
  ProgressScreen screen_;
  double start_, shown_;
  std::deque<Sample> samples_;  // oldest first, a few hundred at most
  std::size_t drawn_ = 0;       // characters of the line on a terminal
  bool finished_ = false;
};

/// "0:07", "12:30", "3:05:00"; rounded to the nearest second.
std::string format_duration(double seconds);

}  // namespace dgsam
