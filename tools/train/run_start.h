// How a run gets its values and its files: anew, or from a state that it saved.
#pragma once

#include "tools/train/run_files.h"
#include "tools/train/run_progress.h"
#include "tools/train/run_setup.h"

namespace dgsam {

/// Where the run in `files` stands: its values and files are restored when it is resumed and has saved a state; else it
/// begins, with initial values, config.json and program.txt. Throws Error when it cannot go on with these data or from
/// these files.
RunProgress start_or_resume(RunSetup& setup, RunFiles& files);

/// Saves what start_or_resume() restores. `progress` gets what the optimizer, SWAD and the files say about themselves.
void save_run(RunSetup& setup, RunFiles& files, RunProgress& progress);

}  // namespace dgsam
