// dgsam-run data make: data sets that are made from others.
#include <cstdio>
#include <memory>

#include "data/mnist_domains.h"
#include "data/styled_fashion.h"
#include "tools/commands/commands.h"
#include "tools/terminal/late_progress.h"

namespace dgsam {
namespace {

void add_styled_fashion(CLI::App& make) {
  CLI::App* command = make.add_subcommand(
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
    LateProgress progress("Making images");
    const StyledFashion made = make_styled_fashion(*out, *options, progress.callback());
    progress.finish();
    std::printf("%s %s%s%s\n", made.already_there ? "Already there:" : "Made:", made.root.c_str(),
                options->upstream > 0 ? " and " : "", options->upstream > 0 ? made.upstream.c_str() : "");
  });
}

using MakeDomains = MnistDomains (*)(const std::filesystem::path&, const MnistDomainsOptions&, const Progress&);

/// The options that both MNIST data sets have. Returns the command and what it fills.
std::pair<CLI::App*, std::shared_ptr<MnistDomainsOptions>> add_mnist_domains(CLI::App& make, const std::string& name,
                                                                             const std::string& help,
                                                                             MakeDomains make_domains) {
  CLI::App* command = make.add_subcommand(
      name, help +
                "\nThe images and labels of each environment are DomainBed's for the same --seed, bit for bit. Their "
                "order is not:\nan image folder is read class by class, so the members of a split differ.");
  const auto out = std::make_shared<std::string>();
  const auto options = std::make_shared<MnistDomainsOptions>();
  command
      ->add_option("--images", options->images,
                   "IDX file of images, plain or gzipped; give MNIST's training and test files in this order")
      ->required();
  command->add_option("--labels", options->labels, "IDX file of the labels, one for each --images")->required();
  command->add_option("--out", *out, "Folder of data sets; gets " + name + " with _ for -")->required();
  command->add_option("--seed", options->seed, "DomainBed's --seed")->capture_default_str();
  command->callback([out, options, make_domains] {
    LateProgress progress("Making images");
    const MnistDomains made = make_domains(*out, *options, progress.callback());
    progress.finish();
    std::printf("%s %s\n", made.already_there ? "Already there:" : "Made:", made.root.c_str());
  });
  return {command, options};
}

}  // namespace

void add_data_make_command(CLI::App& data) {
  CLI::App* make = data.add_subcommand("make", "Makes a data set from another");
  make->require_subcommand(1);
  add_styled_fashion(*make);
  const auto [rotated, options] = add_mnist_domains(
      *make, "rotated-mnist", "Digits turned by 0, 15, 30, 45, 60 and 75 degrees: six domains, 10 classes.",
      make_rotated_mnist);
  rotated
      ->add_option_function<std::string>(
          "--interpolation",
          [options = options](const std::string& word) {
            options->interpolation = word == "bilinear" ? Interpolation::kBilinear : Interpolation::kBicubic;
          },
          "Of the rotation: bicubic as DomainBed in 2020 and SWAD, bilinear as DomainBed today")
      ->check(CLI::IsMember({"bicubic", "bilinear"}))
      ->default_str("bicubic");
  add_mnist_domains(*make, "colored-mnist",
                    "Digits below 5 against the rest, a quarter of the labels wrong, in a colour that agrees with the "
                    "label\nin 90, 80 and 10 % of a domain: three domains, 2 classes.",
                    make_colored_mnist);
}

}  // namespace dgsam
