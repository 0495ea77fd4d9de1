// The jobs of a sweep as processes of this machine.
#pragma once

#include <string>
#include <vector>

#include "tools/lab/sweep/sweep.h"
#include "tools/terminal/progress.h"

namespace dgsam {

struct LocalOptions {
  int jobs = 1;                   ///< processes at once
  std::vector<std::string> gpus;  ///< one process on each, in place of `jobs`; empty: as the environment has it
  bool retry = false;             ///< failed jobs, too
  std::string again = "dgsam-run sweep launch";  ///< what continues, with --out, when this one is stopped
  ProgressScreen screen = ProgressScreen::standard_error();
};

struct LaunchOutcome {
  std::size_t done = 0;    ///< of all jobs of the sweep, finished now or before
  std::size_t failed = 0;  ///< of all
  std::size_t left = 0;    ///< neither: stopped, running elsewhere, or waiting for others
};

/// Runs every job that is new or stopped, and the second stage when it is known. Prints a line per finished job, and on
/// a terminal where the sweep stands. A job is begun once at most. Throws Stopped after a signal to stop, when its
/// processes have saved their states.
LaunchOutcome launch_local(Sweep& sweep, const LocalOptions& options);

}  // namespace dgsam
