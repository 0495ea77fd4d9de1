// The state of a training run between two steps: what --resume goes on from.
//
// A safetensors file: every vector of the run, whole, and as metadata a JSON text and a CRC-32 over that text and all
// vectors. Written beside the state before it, which is kept; what is damaged is found by its checksum, and the one
// before is used.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "engine/backend.h"
#include "engine/core/flat_vector.h"

namespace dgsam {

inline constexpr const char* kStateFile = "state.safetensors";
inline constexpr const char* kPreviousStateFile = "state.previous.safetensors";
inline constexpr const char* kNewStateFile = "state.new.safetensors";  ///< exists only while it is being put in place

struct StateVector {
  std::string name;
  FlatVector* vector;
};

/// Writes the state into `folder`; the one there becomes the previous one. Throws Error that names the file; the older
/// states are then as they were.
void save_state(const std::filesystem::path& folder, Backend& backend, const std::vector<StateVector>& vectors,
                const std::string& text);

/// The newest state that is whole and that `accept` takes: fills the vectors and returns its text. `accept` gets the
/// text first and throws Error when it makes no sense of it. An empty text: there is no state. `note` is told of every
/// damaged file. Throws Error when there are states and none can be used; vectors are then unchanged.
std::string load_state(const std::filesystem::path& folder, Backend& backend, const std::vector<StateVector>& vectors,
                       const std::function<void(const std::string& text)>& accept,
                       const std::function<void(const std::string&)>& note);

/// Removes all states.
void remove_states(const std::filesystem::path& folder);

}  // namespace dgsam
