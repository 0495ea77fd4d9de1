// dgsam-run as a process of its own: to be killed, or used as a user does.
#pragma once

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <vector>

namespace dgsam {

class Process {
 public:
  /// Output goes to the file `log`. `file_limit` bytes is the most that it may write into one file; 0: no limit.
  Process(const std::vector<std::string>& arguments, const std::string& log, rlim_t file_limit = 0) {
    std::vector<char*> words{const_cast<char*>(DGSAM_RUN)};
    for (const std::string& argument : arguments) words.push_back(const_cast<char*>(argument.c_str()));
    words.push_back(nullptr);
    child_ = ::fork();
    if (child_ != 0) return;
    const int file = ::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
    ::dup2(file, STDOUT_FILENO);
    ::dup2(file, STDERR_FILENO);
    const rlimit limit{file_limit, file_limit};
    if (file_limit > 0) ::setrlimit(RLIMIT_FSIZE, &limit);
    ::execv(DGSAM_RUN, words.data());
    ::_exit(127);
  }
  pid_t id() const { return child_; }
  void signal(int number) const { ::kill(child_, number); }
  /// The exit status, or 128 + signal.
  int wait() const {
    int status = 0;
    ::waitpid(child_, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  pid_t child_ = -1;
};

}  // namespace dgsam
