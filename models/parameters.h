// The values of a network's parameters and statistics: initialised, loaded, saved.
//
// Files have the tensors of a PyTorch state_dict: same names, convolution weights K,C,R,S (here K,R,S,C), and
// `num_batches_tracked` beside each pair of running statistics. Written are safetensors; read are torch.save's files
// too.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/core/flat_vector.h"
#include "engine/graph/graph.h"
#include "engine/io/tensor_file.h"
#include "models/network.h"

namespace dgsam {

/// PyTorch's default initialisation, as each parameter's Init says. A tensor's values depend on the seed and its name
/// alone.
void initialise(const Graph& graph, Backend& backend, FlatVector& theta, std::uint64_t seed);
/// Running means 0, running variances 1.
void initialise_statistics(const Graph& graph, Backend& backend, FlatVector& statistics);

struct LoadReport {
  bool head_reinitialised = false;
  std::vector<std::string> notes;  ///< for the user, one line each
};

/// Loads a backbone from any file that open_tensor_file() reads. The head is the layer declared last (`fc`,
/// `classifier`). If the file's head has another number of classes or several layers, or if the file has none, theta
/// keeps the head it has and the report says so. `num_batches_tracked` is ignored. Any other tensor that is missing,
/// extra or of another shape is an Error that lists the first of both sides and names the model that the file does fit;
/// theta and statistics are then unchanged. Values that are not finite are loaded, and the report names them.
LoadReport load_weights(const std::string& path, const Graph& graph, Backend& backend, FlatVector& theta,
                        FlatVector& statistics);

/// The model whose tensors these are, with its classes (0 when the file has no head) and image channels; nothing when
/// they are none of ours.
std::optional<ModelSpec> recognise_model(const TensorFile& file);

/// Writes F32, or F64 when theta is f64, so that PyTorch's load_state_dict(strict=True) takes it. Atomic, and the same
/// values give the same bytes.
void save_weights(const std::string& path, const Graph& graph, Backend& backend, const FlatVector& theta,
                  const FlatVector& statistics, const std::map<std::string, std::string>& metadata = {});

}  // namespace dgsam
