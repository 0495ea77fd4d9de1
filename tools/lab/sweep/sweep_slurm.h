// The jobs of a sweep as a Slurm job array, and as commands for any other scheduler.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "tools/lab/sweep/sweep.h"

namespace dgsam {

/// Names of the sweep's jobs that Slurm has and that have not ended. Throws Error when squeue cannot be asked; empty
/// when nothing of the sweep was ever submitted.
std::set<std::string> queued_jobs(const Sweep& sweep);

/// What one array holds.
struct SlurmArray {
  std::vector<std::string> names;  ///< by array index
  std::string options;             ///< for sbatch, as a shell takes them
};

/// Submits one array, with its list, script and logs in the sweep's folder `slurm`. Returns Slurm's job number. Throws
/// Error with sbatch's message.
std::string submit_array(const Sweep& sweep, const SlurmArray& array);

/// The name on line `index` (from 0) of a list that submit_array() wrote. Throws Error when there is none.
std::string listed_job(const std::string& list, int index);

/// The command that runs one job wherever it is typed.
std::string job_command(const Sweep& sweep, const std::string& name);

}  // namespace dgsam
