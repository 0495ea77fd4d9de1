#include "tools/lab/sweep/sweep_slurm.h"

#include <sys/wait.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "data/splits.h"
#include "engine/core/check.h"
#include "engine/io/atomic_file.h"
#include "tools/terminal/command_line.h"

namespace dgsam {

namespace {

namespace fs = std::filesystem;

struct Said {
  int status = 0;
  std::string text;  ///< both outputs
};

Said run_shell(const std::string& command) {
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  require(pipe != nullptr, "cannot run ", command);
  Said said;
  char buffer[4096];
  for (std::size_t length; (length = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) said.text.append(buffer, length);
  const int status = ::pclose(pipe);
  said.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  while (!said.text.empty() && said.text.back() == '\n') said.text.pop_back();
  return said;
}

fs::path slurm_folder(const Sweep& sweep) { return fs::absolute(sweep.folder()).lexically_normal() / "slurm"; }

/// Arrays are recognised by their names: those of this sweep are this, a dash and the array's number.
std::string array_prefix(const Sweep& sweep) { return "dgsam-" + md5_hex(slurm_folder(sweep).string()).substr(0, 12); }

fs::path list_path(const Sweep& sweep, const std::string& number) { return slurm_folder(sweep) / (number + ".list"); }

std::string own_path() { return fs::read_symlink("/proc/self/exe").string(); }

}  // namespace

std::set<std::string> queued_jobs(const Sweep& sweep) {
  std::set<std::string> names;
  if (!fs::exists(slurm_folder(sweep))) return names;
  const Said said = run_shell("squeue --noheader --array --format='%j %K'");
  require(said.status == 0, "squeue says: ", said.text, "; without it nobody knows what is queued already");
  const std::string prefix = array_prefix(sweep) + "-";
  std::istringstream lines(said.text);
  std::string name;
  for (std::string index; lines >> name >> index;) {
    if (name.starts_with(prefix)) {
      names.insert(listed_job(list_path(sweep, name.substr(prefix.size())).string(), std::stoi(index)));
    }
  }
  return names;
}

std::string submit_array(const Sweep& sweep, const SlurmArray& array) {
  const fs::path folder = slurm_folder(sweep);
  fs::create_directories(folder);
  int number = 0;
  while (fs::exists(list_path(sweep, std::to_string(number)))) ++number;
  const std::string id = std::to_string(number), list = list_path(sweep, id).string();
  std::string text;
  for (const std::string& name : array.names) text += name + "\n";
  write_atomically(list, text);
  const fs::path script = folder / (id + ".sh");
  write_atomically(script.string(), "#!/bin/sh\nexec " +
                                        shell_words({own_path(), "sweep", "job", fs::absolute(sweep.folder()).string(),
                                                     "--list", list}) +
                                        " --index \"$SLURM_ARRAY_TASK_ID\"\n");
  const std::string command = shell_words({"sbatch", "--parsable", "--job-name=" + array_prefix(sweep) + "-" + id,
                                           "--array=0-" + std::to_string(array.names.size() - 1),
                                           "--output=" + (folder / (id + "-%a.log")).string()}) +
                              " " + array.options + " " + shell_words({script.string()});
  const Said said = run_shell(command);
  if (said.status != 0) {
    fs::remove(list);
    fail("sbatch says: ", said.text, " (the command was: ", command, ")");
  }
  return said.text;
}

std::string listed_job(const std::string& list, int index) {
  std::ifstream file(list);
  std::string name;
  for (int line = 0; line <= index; ++line) {
    require(static_cast<bool>(std::getline(file, name)), list, " has no line ", index, ", counted from 0");
  }
  return name;
}

std::string job_command(const Sweep& sweep, const std::string& name) {
  return shell_words({own_path(), "sweep", "job", fs::absolute(sweep.folder()).lexically_normal().string(), name});
}

}  // namespace dgsam
