// Ctrl-C, SIGTERM and SIGHUP (a terminal that was closed): work stops at the next safe point instead of in the middle
// of something.
#pragma once

#include <exception>
#include <string>

namespace dgsam {

/// What work that was asked to stop ends with. dgsam-run prints the message and exits with 128 + signal, as shells do.
class Stopped : public std::exception {
 public:
  Stopped(int signal, std::string message) : signal_(signal), message_(std::move(message)) {}
  const char* what() const noexcept override { return message_.c_str(); }
  int signal() const { return signal_; }

 private:
  int signal_;
  std::string message_;
};

/// While one lives, the first SIGINT, SIGTERM or SIGHUP is only noted; a second one of its kind ends the program as
/// ever. SIGHUP stays ignored where it was (nohup).
/// One at a time.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  /// The signal that came, or 0.
  static int received();
  /// Throws Stopped when one came.
  static void check();
};

}  // namespace dgsam
