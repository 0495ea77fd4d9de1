#include "tools/terminal/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>

#include "engine/core/check.h"

namespace dgsam {
namespace {

constexpr double kRedrawSeconds = 0.1, kLineSeconds = 10;
constexpr double kWindowSeconds = 15, kEvidenceSeconds = 1;
constexpr std::int64_t kBarWidth = 20;

int terminal_columns() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// "3.1/s", or "2.4 s each" for what takes longer than a second.
std::string format_rate(double rate) {
  char text[48];
  if (rate >= 1) {
    std::snprintf(text, sizeof text, "%.*f/s", rate < 100 ? 1 : 0, rate);
  } else {
    std::snprintf(text, sizeof text, "%.1f s each", 1 / rate);
  }
  return text;
}

}  // namespace

ProgressScreen ProgressScreen::standard_error() {
  const char* terminal = std::getenv("TERM");
  const bool dumb = terminal == nullptr || std::strcmp(terminal, "dumb") == 0;
  return {&std::cerr, isatty(STDERR_FILENO) == 1 && !dumb, terminal_columns, steady_seconds};
}

std::string format_duration(double seconds) {
  const long long whole = std::llround(seconds);
  char text[48];
  if (whole < 3600) {
    std::snprintf(text, sizeof text, "%lld:%02lld", whole / 60, whole % 60);
  } else {
    std::snprintf(text, sizeof text, "%lld:%02lld:%02lld", whole / 3600, whole / 60 % 60, whole % 60);
  }
  return text;
}

ProgressBar::ProgressBar(std::string title, std::int64_t total, std::int64_t done, ProgressScreen screen)
    : title_(std::move(title)),
      total_(total),
      done_before_(done),
      done_(done),
      screen_(std::move(screen)),
      start_(screen_.seconds()),
      shown_(start_) {
  require(total > 0, title_, ": there is nothing to do (", total, " steps)");
  samples_.push_back({start_, done_});
  if (screen_.interactive) show(bar());
}

ProgressBar::~ProgressBar() { pause(); }

void ProgressBar::pause() {
  if (screen_.interactive && drawn_ > 0) *screen_.out << std::endl;
  drawn_ = 0;
}

void ProgressBar::set(std::int64_t done, const std::string& note) {
  done_ = std::min(total_, done);
  if (!note.empty()) note_ = note;
  const double now = screen_.seconds();
  remember(now);
  if (finished_ || now - shown_ < (screen_.interactive ? kRedrawSeconds : kLineSeconds)) return;
  shown_ = now;
  show(screen_.interactive ? bar() : title_ + ": " + status());
}

void ProgressBar::remember(double now) {
  const double window = std::max(kWindowSeconds, (now - start_) / 2);
  // A new sample replaces the last one while that is too close to the one before it.
  const std::size_t count = samples_.size();
  if (count >= 2 && samples_[count - 1].time - samples_[count - 2].time < window / 200) samples_.pop_back();
  samples_.push_back({now, done_});
  while (samples_.size() > 2 && samples_[1].time <= now - window) samples_.pop_front();
}

double ProgressBar::rate() const {
  const Sample &oldest = samples_.front(), &newest = samples_.back();
  const double elapsed = newest.time - oldest.time;
  return elapsed < kEvidenceSeconds ? 0 : static_cast<double>(newest.done - oldest.done) / elapsed;
}

double ProgressBar::seconds_left() const {
  const double recent = rate();
  return recent > 0 ? static_cast<double>(total_ - done_) / recent : -1;
}

std::string ProgressBar::status() const {
  std::string text =
      std::to_string(100 * done_ / total_) + "%  " + std::to_string(done_) + "/" + std::to_string(total_);
  if (rate() > 0) text += "  " + format_rate(rate()) + "  " + format_duration(seconds_left()) + " left";
  return note_.empty() ? text : text + "  " + note_;
}

std::string ProgressBar::bar() const {
  const auto filled = static_cast<std::size_t>(kBarWidth * done_ / total_);
  const std::string drawn = "[" + std::string(filled, '#') + std::string(kBarWidth - filled, '.') + "] ";
  const std::string status = this->status(), percent = std::to_string(100 * done_ / total_) + "%";
  // Where the line is narrow, what matters least goes first.
  const auto width = static_cast<std::size_t>(std::max(1, screen_.columns() - 1));
  const std::size_t numbers = std::min(status.size(), percent.size() + 2);
  if (title_.size() + 1 + drawn.size() + numbers <= width) return title_ + " " + drawn + status;
  return title_.size() + 1 + numbers <= width ? title_ + " " + status : status;
}

void ProgressBar::show(std::string line) {
  if (!screen_.interactive) {
    *screen_.out << line << std::endl;
    return;
  }
  // The last column stays free: some terminals move on to the next line after writing into it.
  const auto width = static_cast<std::size_t>(std::max(1, screen_.columns() - 1));
  const std::size_t length = std::min(line.size(), width);
  line.resize(std::clamp(drawn_, length, width), ' ');  // blanks over what a longer line has left
  *screen_.out << '\r' << line << std::flush;
  drawn_ = length;
}

void ProgressBar::finish() {
  if (finished_) return;
  finished_ = true;
  const double elapsed = screen_.seconds() - start_;
  std::string line = title_ + ": " + std::to_string(done_) + " in " + format_duration(elapsed);
  const std::int64_t done_here = done_ - done_before_;
  if (elapsed > 0 && done_here > 0) line += " (" + format_rate(static_cast<double>(done_here) / elapsed) + ")";
  show(note_.empty() ? line : line + ", " + note_);
  pause();
}

}  // namespace dgsam
