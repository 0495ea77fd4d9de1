// dgsam-run: trains and examines networks for domain generalization.
#include <cstdio>
#include <exception>

#include "tools/commands.h"

int main(int argc, char** argv) {
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
  dgsam::add_train_command(app);
  dgsam::add_report_command(app);
  dgsam::add_data_command(app);
  dgsam::add_gradcheck_command(app);
  dgsam::add_info_command(app);
  try {
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "dgsam-run: %s\n", error.what());
    return 1;
  }
}
