#include <cstdio>
#include <memory>

#include "data/styled_fashion.h"
#include "tools/commands.h"
#include "tools/progress.h"

namespace dgsam {

namespace {

void add_make_command(CLI::App& data) {
  CLI::App* make = data.add_subcommand("make", "Makes a data set");
  make->require_subcommand(1);
  CLI::App* command = make->add_subcommand(
      "styled-fashion",
      "Real photographs of garments (Fashion-MNIST, Debian's dataset-fashion-mnist) in four styles: photo, sketch,\n"
      "cartoon, painting; 10 classes; in the shape of PACS. Beside it `upstream`, plain images to train a backbone "
      "on.\n"
      "No photograph is used twice.");
  const auto out = std::make_shared<std::string>();
  const auto options = std::make_shared<StyledFashionOptions>();
  command->add_option("--out", *out, "Gets styled_fashion/DOMAIN/CLASS/*.png and upstream/plain/CLASS/*.png")
      ->required();
  command->add_option("--images-per-domain", options->images_per_domain, "Photographs per domain")
      ->capture_default_str();
  command->add_option("--upstream", options->upstream, "Photographs for the backbone; 0: none")->capture_default_str();
  command->add_option("--image-size", options->image_size, "Rows and columns, 28 or more")->capture_default_str();
  command->add_option("--seed", options->seed, "Of the choice of photographs and of the styles")->capture_default_str();
  command->add_option("--idx-dir", options->idx_dir, "Folder of Fashion-MNIST's IDX files")->capture_default_str();
  command->callback([out, options] {
    const std::int64_t total = 4 * static_cast<std::int64_t>(options->images_per_domain) + options->upstream;
    ProgressBar progress("Making images", total);
    const StyledFashion made =
        make_styled_fashion(*out, *options, [&](std::int64_t done, std::int64_t) { progress.set(done); });
    progress.finish();
    std::printf("%s %s%s%s\n", made.already_there ? "Already there:" : "Made:", made.root.c_str(),
                options->upstream > 0 ? " and " : "", options->upstream > 0 ? made.upstream.c_str() : "");
  });
}

}  // namespace

void add_data_command(CLI::App& app) {
  CLI::App* data = app.add_subcommand("data", "Makes data sets");
  data->require_subcommand(1);
  add_make_command(*data);
  add_data_check_commands(*data);
}

}  // namespace dgsam
