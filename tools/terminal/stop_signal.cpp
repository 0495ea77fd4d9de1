#include "tools/terminal/stop_signal.h"

#include <csignal>

namespace dgsam {

namespace {

volatile std::sig_atomic_t caught = 0;

void note(int signal) { caught = signal; }

/// A program under nohup goes on when its terminal is closed.
bool hangup_is_ignored() {
  struct sigaction action {};
  return sigaction(SIGHUP, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

void install(void (*handler)(int), int flags) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  if (!hangup_is_ignored()) sigaction(SIGHUP, &action, nullptr);
}

}  // namespace

StopSignals::StopSignals() {
  caught = 0;
  install(note, SA_RESTART | static_cast<int>(SA_RESETHAND));
}

StopSignals::~StopSignals() { install(SIG_DFL, 0); }

int StopSignals::received() { return caught; }

void StopSignals::check() {
  if (caught != 0) throw Stopped(caught, "stopped");
}

}  // namespace dgsam
