// write_weights MODEL CLASSES OUT.safetensors: a network's initial values, as a checkpoint of dgsam-run holds them.
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "engine/make_backend.h"
#include "models/parameters.h"

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: write_weights MODEL CLASSES OUT.safetensors\n");
    return 2;
  }
  try {
    const auto backend = dgsam::make_backend("cpu", {.threads = 1, .onednn = false});
    const dgsam::Network network =
        dgsam::build_network({argv[1], std::atoi(argv[2])}, {.batch = 1, .image_size = 32, .training = false});
    dgsam::FlatVector theta(*backend, network.graph.theta_layout(), network.graph.master());
    dgsam::FlatVector statistics(*backend, network.graph.statistic_layout(), network.graph.master());
    dgsam::initialise(network.graph, *backend, theta, 1);
    dgsam::initialise_statistics(network.graph, *backend, statistics);
    dgsam::save_weights(argv[3], network.graph, *backend, theta, statistics, {{"step", "0"}});
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "write_weights: %s\n", error.what());
    return 1;
  }
}
