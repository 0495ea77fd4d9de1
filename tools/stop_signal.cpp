#include "tools/stop_signal.h"

#include <csignal>

namespace dgsam {

namespace {

volatile std::sig_atomic_t noted = 0;

void note(int signal) { noted = signal; }

void install(void (*handler)(int), int flags) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

}  // namespace

StopSignals::StopSignals() {
  noted = 0;
  install(note, SA_RESTART | static_cast<int>(SA_RESETHAND));
}

StopSignals::~StopSignals() { install(SIG_DFL, 0); }

int StopSignals::received() { return noted; }

void StopSignals::check() {
  if (noted != 0) throw Stopped(noted, "stopped");
}

}  // namespace dgsam
