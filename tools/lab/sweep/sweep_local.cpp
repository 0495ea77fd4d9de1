#include "tools/lab/sweep/sweep_local.h"

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <set>
#include <thread>

#include "data/parallel.h"
#include "tools/lab/sweep/sweep_estimate.h"
#include "tools/lab/sweep/sweep_job.h"
#include "tools/terminal/command_line.h"
#include "tools/terminal/stop_signal.h"

namespace dgsam {

namespace {

constexpr auto kPoll = std::chrono::milliseconds(20);
constexpr double kRedrawSeconds = 0.5, kLineSeconds = 60, kSearchSeconds = 1;

class LocalLauncher {
 public:
  LocalLauncher(Sweep& sweep, const LocalOptions& options) : sweep_(sweep), options_(options) {
    slots_.resize(options.gpus.empty() ? static_cast<std::size_t>(options.jobs) : options.gpus.size());
    jobs_ = sweep_.jobs();
  }

  LaunchOutcome run() {
    const StopSignals signals;
    for (;;) {
      if (StopSignals::received() != 0) stop_all();
      if (reap()) {
        jobs_ = sweep_.jobs();
        searched_ = -1e9;
      }
      start();
      if (running() == 0) break;
      show();
      std::this_thread::sleep_for(kPoll);
    }
    end_line();
    return outcome();
  }

 private:
  struct Slot {
    std::optional<JobProcess> process;
  };

  std::int64_t running() const {
    return std::count_if(slots_.begin(), slots_.end(), [](const Slot& slot) { return slot.process.has_value(); });
  }

  std::int64_t steps_of(const SweepJob& job) {
    const auto [place, is_new] = total_steps_.try_emplace(job.name, 0);
    if (is_new) place->second = sweep_.config(job).steps;
    return place->second;
  }

  bool reap() {
    bool any = false;
    for (Slot& slot : slots_) {
      if (!slot.process) continue;
      const std::optional<JobStatus> status = slot.process->finished();
      if (!status) continue;
      any = true;
      const SweepJob& job = slot.process->job();
      const double steps = static_cast<double>(steps_done(sweep_, job, steps_of(job)) - slot.process->steps_before());
      past_.push_back({job, steps, slot.process->seconds()});
      end_line();
      *options_.screen.out << name_of(status->state) << "  " << job.name << "  "
                           << format_duration(slot.process->seconds())
                           << (status->note.empty() ? "" : "  " + status->note) << std::endl;
      slot.process.reset();
    }
    return any;
  }

  /// Fills free slots. Looks at every job's files, so only when one has ended, or once a second: another launcher may
  /// have died.
  void start() {
    const double now = options_.screen.seconds();
    if (now - searched_ < kSearchSeconds) return;
    searched_ = now;
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      if (slots_[i].process) continue;
      for (const SweepJob& job : jobs_.jobs) {
        if (begun_.contains(job.name)) continue;
        std::optional<JobLock> lock = claim(sweep_, job, options_.retry);
        if (!lock) continue;
        begun_.insert(job.name);
        JobProcess::Environment environment;
        if (!options_.gpus.empty()) environment.gpu = options_.gpus[i];
        environment.threads = std::max(1, thread_count(0) / static_cast<int>(slots_.size()));
        slots_[i].process.emplace(sweep_, job, std::move(*lock), environment);
        break;
      }
      if (!slots_[i].process) return;  // there is nothing for the other slots either
    }
  }

  [[noreturn]] void stop_all() {
    const int signal = StopSignals::received();
    end_line();
    if (running() > 0) *options_.screen.out << "stopping " << running() << " job(s); each saves its state" << std::endl;
    for (Slot& slot : slots_) {
      if (slot.process) slot.process->stop(signal);
    }
    for (Slot& slot : slots_) {
      if (slot.process) slot.process->wait();
    }
    const LaunchOutcome now = outcome();
    throw Stopped(signal, "stopped with " + std::to_string(now.done) + " of " +
                              std::to_string(now.done + now.failed + now.left) + " jobs done; continue with: " +
                              options_.again + " " + shell_words({"--out", sweep_.folder().string()}));
  }

  LaunchOutcome outcome() {
    LaunchOutcome outcome{.left = jobs_.waiting};
    for (const SweepJob& job : jobs_.jobs) {
      const JobState state = status_of(sweep_, job).state;
      ++(state == JobState::done ? outcome.done : state == JobState::failed ? outcome.failed : outcome.left);
    }
    return outcome;
  }

  void show() {
    const double now = options_.screen.seconds();
    if (now - shown_ < (options_.screen.interactive ? kRedrawSeconds : kLineSeconds)) return;
    shown_ = now;
    std::string line = where_it_stands();
    if (!options_.screen.interactive) {
      *options_.screen.out << line << std::endl;
      return;
    }
    line.resize(static_cast<std::size_t>(std::max(1, options_.screen.columns() - 1)), ' ');
    *options_.screen.out << '\r' << line << std::flush;
    drawn_ = true;
  }

  std::string where_it_stands() {
    SweepEstimate estimate;
    for (const Past& past : past_) estimate.add(past.job, past.steps, past.seconds);
    std::size_t done = 0, failed = 0;
    std::int64_t steps = 0, total = 0;
    for (const SweepJob& job : jobs_.jobs) {
      const std::int64_t of_job = steps_of(job), so_far = steps_done(sweep_, job, of_job);
      const JobState state = status_of(sweep_, job).state;
      total += of_job;
      steps += so_far;
      done += state == JobState::done;
      failed += state == JobState::failed;
      if (state != JobState::failed) estimate.add_rest(job, static_cast<double>(of_job - so_far));
    }
    // The second stage takes as long as as many jobs of the first.
    for (std::size_t i = 0; i < jobs_.waiting; ++i) {
      const SweepJob& like = jobs_.jobs[i % jobs_.jobs.size()];
      total += steps_of(like);
      estimate.add_rest(like, static_cast<double>(steps_of(like)));
    }
    for (const Slot& slot : slots_) {
      if (!slot.process) continue;
      const SweepJob& job = slot.process->job();
      const std::int64_t taken = steps_done(sweep_, job, steps_of(job)) - slot.process->steps_before();
      estimate.add(job, static_cast<double>(taken), slot.process->seconds());
    }
    const double left = estimate.seconds_left(static_cast<int>(slots_.size()));
    return "Sweep: " + std::to_string(done) + " of " + std::to_string(jobs_.jobs.size() + jobs_.waiting) +
           " jobs done, " + std::to_string(running()) + " running" +
           (failed > 0 ? ", " + std::to_string(failed) + " failed" : "") + "  " +
           std::to_string(100 * steps / std::max<std::int64_t>(1, total)) + "%" +
           (left >= 0 ? "  " + format_duration(left) + " left" : "");
  }

  void end_line() {
    if (!drawn_) return;
    // The line is wiped: what follows says more.
    *options_.screen.out << '\r'
                         << std::string(static_cast<std::size_t>(std::max(1, options_.screen.columns() - 1)), ' ')
                         << '\r' << std::flush;
    drawn_ = false;
  }

  struct Past {
    SweepJob job;
    double steps, seconds;
  };

  Sweep& sweep_;
  const LocalOptions& options_;
  SweepJobs jobs_;
  std::vector<Slot> slots_;
  std::set<std::string> begun_;
  std::vector<Past> past_;
  std::map<std::string, std::int64_t> total_steps_;  ///< by job
  double shown_ = -1e9, searched_ = -1e9;
  bool drawn_ = false;
};

}  // namespace

LaunchOutcome launch_local(Sweep& sweep, const LocalOptions& options) { return LocalLauncher(sweep, options).run(); }

}  // namespace dgsam
