// dgsam-run: trains and examines networks for domain generalization.
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <system_error>

#include "engine/core/limits.h"
#include "tools/commands/command_line_rules.h"
#include "tools/commands/commands.h"
#include "tools/terminal/command_line.h"
#ifdef DGSAM_HAVE_LAB
#include "tools/lab/commands/lab_commands.h"
#endif
#include "tools/terminal/stop_signal.h"
#include "tools/terminal/versions.h"
#include "tools/terminal/waiting.h"

namespace {

/// A file opened while 0, 1 or 2 is closed would get that number, and what is printed would land in it.
void open_standard_descriptors() {
  int descriptor = 0;
  do {
    descriptor = open("/dev/null", O_RDWR);
  } while (descriptor >= 0 && descriptor <= STDERR_FILENO);
  if (descriptor >= 0) close(descriptor);
}

}  // namespace

int main(int argc, char** argv) {
  open_standard_descriptors();
  dgsam::wait_politely(argv);
  // A write beyond a file-size limit is then an error like a full disk, and told like one.
  std::signal(SIGXFSZ, SIG_IGN);
  dgsam::set_command_line({argv, static_cast<std::size_t>(argc)});
  CLI::App app{
      "Trains ResNets for domain generalization with ERM, SAM and DGSAM (arXiv 2503.23430): one domain is left out,\n"
      "the others are trained on, and accuracy is measured on the one never seen.\n\n"
      "Start with:  dgsam-run data make styled-fashion --out data\n"
      "             dgsam-run train --dataset folder --data-dir data/styled_fashion --test-env photo \\\n"
      "                 --model resnet18 --image-size 32 --freeze-bn off --lr 1e-3 \\\n"
      "                 --algorithm erm --steps 200 --out runs/first",
      "dgsam-run"};
  app.require_subcommand(1);
  app.fallthrough(false);
  app.set_version_flag("--version", dgsam::version_line(), "Print version and git revision");
  dgsam::add_train_command(app);
  dgsam::add_eval_command(app);
  dgsam::add_predict_command(app);
  dgsam::add_sharpness_command(app);
  dgsam::add_data_command(app);
  dgsam::add_average_command(app);
  dgsam::add_weights_command(app);
  dgsam::add_gradcheck_command(app);
  dgsam::add_info_command(app);
#ifdef DGSAM_HAVE_LAB
  dgsam::add_sweep_command(app);
  dgsam::add_collect_command(app);
  dgsam::add_report_command(app);
  dgsam::add_landscape_command(app);
  dgsam::add_ablate_command(app);
  dgsam::add_toy_command(app);
#endif
  dgsam::add_manual_command(app);
  dgsam::let_last_flag_win(app);
  try {
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help
    std::fprintf(stderr, "dgsam-run: %s\n", dgsam::error_line(app, error).c_str());
    return 1;
  } catch (const dgsam::Stopped& stopped) {
    std::fprintf(stderr, "dgsam-run: %s\n", stopped.what());
    return 128 + stopped.signal();
  } catch (const std::system_error& error) {
    const bool no_thread = error.code() == std::errc::resource_unavailable_try_again;
    std::fprintf(stderr, "dgsam-run: %s%s\n", error.what(),
                 no_thread
                     ? ("; no more threads can be started: " + dgsam::thread_limits() + "; give --threads less").c_str()
                     : "");
    return 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "dgsam-run: %s\n", error.what());
    return 1;
  }
}
