#include "tools/terminal/stop_signal.h"

#include <doctest/doctest.h>

#include <csignal>

using namespace dgsam;

TEST_CASE("a hangup is noted like Ctrl-C, and stays ignored under nohup") {
  {
    const StopSignals signals;
    std::raise(SIGHUP);
    CHECK(StopSignals::received() == SIGHUP);
  }
  std::signal(SIGHUP, SIG_IGN);
  {
    const StopSignals signals;
    std::raise(SIGHUP);
    CHECK(StopSignals::received() == 0);
  }
  std::raise(SIGHUP);  // still ignored: this process goes on
  std::signal(SIGHUP, SIG_DFL);
}
