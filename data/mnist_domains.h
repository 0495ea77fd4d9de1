// DomainBed's two small data sets, made from MNIST or any other IDX files: rotated digits and coloured digits.
//
// The recipe is DomainBed's to the bit: one torch.randperm deals the images to the environments, Pillow rotates them,
// and torch.rand draws ColoredMNIST's label noise and colours, in DomainBed's order from one generator seeded once.
// What differs: DomainBed keeps an environment as one tensor in the order dealt; an image folder is read class by
// class. The images and labels of an environment are the same, their order is not, so a split by index has other
// members.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "data/parallel.h"
#include "data/rotate.h"
#include "data/torch_random.h"

namespace dgsam {

/// For each of `environments` environments the indices of its images: elements e, e + environments, ... of a random
/// permutation of 0 .. count - 1.
std::vector<std::vector<int>> deal_environments(int count, int environments, TorchRandom& random);

struct ColoredDigit {
  int source = 0;  // index of the image
  int label = 0;   // 1 for the digits 0 to 4, flipped with probability 1/4
  int color = 0;   // the label, flipped with the environment's probability; 0: red, 1: green
};

/// One environment of ColoredMNIST: the noise of all labels is drawn first, then that of all colours.
/// `labels` are the digits of all images.
std::vector<ColoredDigit> color_digits(const std::vector<int>& sources, std::span<const std::uint8_t> labels,
                                       float color_flip, TorchRandom& random);

struct MnistDomainsOptions {
  std::vector<std::filesystem::path> images, labels;      // pairs of IDX files, joined in the order given
  std::uint64_t seed = 0;                                 // DomainBed's --seed
  Interpolation interpolation = Interpolation::kBicubic;  // of the rotation; DomainBed today: bilinear
  int threads = 0;                                        // 0: one per core
};

struct MnistDomains {
  std::filesystem::path root;
  bool already_there = false;  // the same images had been made before; nothing was written
};

/// Writes <out>/rotated_mnist/{00,15,30,45,60,75}/{0..9}/NNNNN.png, grey as RGB, NNNNN being the position in the
/// environment, and recipe.json (recipe.h). Read them with one channel.
/// Throws Error for files that are no IDX images with one label of 0 to 9 each, fewer images than environments, and a
/// folder that holds anything else.
MnistDomains make_rotated_mnist(const std::filesystem::path& out, const MnistDomainsOptions& options,
                                const Progress& progress = {});

/// Writes <out>/colored_mnist/{0_plus90,1_plus80,2_minus90}/{0,1}/NNNNN.png: the image in channel 0 or 1, the others 0.
/// Read them with two channels. The colour agrees with the label in 90, 80 and 10 % of an environment. `interpolation`
/// has no effect. Errors as above.
MnistDomains make_colored_mnist(const std::filesystem::path& out, const MnistDomainsOptions& options,
                                const Progress& progress = {});

}  // namespace dgsam
