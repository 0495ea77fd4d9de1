// Networks' vectors without a program, and their values on the host.
#pragma once

#include <string>
#include <vector>

#include "tests/models/networks.h"

namespace dgsam {

/// A network's vectors, without a program.
struct Vectors {
  Vectors(Backend& backend, const Network& network, std::uint64_t seed = 1)
      : theta(backend, network.graph.theta_layout(), network.graph.master()),
        statistics(backend, network.graph.statistic_layout(), network.graph.master()) {
    initialise(network.graph, backend, theta, seed);
    initialise_statistics(network.graph, backend, statistics);
  }
  FlatVector theta, statistics;
};

template <class T = float>
std::vector<T> values(Backend& backend, ConstTensor tensor) {
  std::vector<T> host(static_cast<std::size_t>(tensor.elements()));
  backend.download(host.data(), tensor);
  return host;
}

template <class T = float>
std::vector<T> values(Backend& backend, const FlatVector& vector, const std::string& name) {
  return values<T>(backend, vector.segment(*vector.layout().find(name)));
}

inline NetworkOptions f32() { return {.batch = 1, .image_size = 32, .training = false}; }

}  // namespace dgsam
