#include "tools/train/run_state.h"

#include <zlib.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <span>

#include "engine/core/check.h"
#include "engine/io/safetensors.h"

namespace dgsam {

namespace {

/// CRC-32 of everything that was added, as text.
class Checksum {
 public:
  void add(std::span<const std::byte> bytes) {
    value_ = crc32_z(value_, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  }
  void add(const std::string& text) { add(std::as_bytes(std::span(text))); }
  std::string text() const {
    char digits[16];
    std::snprintf(digits, sizeof digits, "%08lx", value_);
    return digits;
  }

 private:
  uLong value_ = crc32_z(0, nullptr, 0);
};

template <class T>
NamedTensor downloaded(Backend& backend, const StateVector& state, const char* dtype) {
  std::vector<T> values(static_cast<std::size_t>(state.vector->layout().elements()));
  backend.download(values.data(), state.vector->all());
  return make_named_tensor<T>(state.name, dtype, {static_cast<std::int64_t>(values.size())}, values);
}

NamedTensor downloaded(Backend& backend, const StateVector& state) {
  return state.vector->dtype() == DType::f64 ? downloaded<double>(backend, state, "F64")
                                             : downloaded<float>(backend, state, "F32");
}

/// The bytes of one vector as the file has them.
std::vector<std::byte> read_bytes_of(const SafetensorsFile& file, const StateVector& state) {
  const bool wide = state.vector->dtype() == DType::f64;
  const SafetensorsFile::Entry* entry = file.find(state.name);
  require(entry != nullptr, file.path(), " has no vector ", state.name);
  require(entry->dtype == (wide ? "F64" : "F32") &&
              entry->elements() == static_cast<std::uint64_t>(state.vector->layout().elements()),
          file.path(), ": ", state.name, " is ", entry->dtype, " of ", entry->elements(), " elements, not ",
          wide ? "F64" : "F32", " of ", state.vector->layout().elements());
  const auto bytes_of = [](const auto& values) {
    const auto bytes = std::as_bytes(std::span(values));
    return std::vector<std::byte>(bytes.begin(), bytes.end());
  };
  return wide ? bytes_of(file.read_as<double>(state.name)) : bytes_of(file.read_as<float>(state.name));
}

/// Throws Error when the file is not a whole state of these vectors.
std::string load(const std::string& path, Backend& backend, const std::vector<StateVector>& vectors,
                 const std::function<void(const std::string& text)>& accept) {
  const SafetensorsFile file(path);
  const auto metadata = [&](const char* key) {
    const auto found = file.metadata().find(key);
    require(found != file.metadata().end(), path, " is not the state of a run: it has no ", key);
    return found->second;
  };
  const std::string text = metadata("run");
  Checksum checksum;
  checksum.add(text);
  std::vector<std::vector<std::byte>> values;
  for (const StateVector& state : vectors) {
    values.push_back(read_bytes_of(file, state));
    checksum.add(state.name);
    checksum.add(values.back());
  }
  require(checksum.text() == metadata("crc32"), path, " is damaged: its checksum is ", checksum.text(), ", not ",
          metadata("crc32"));
  accept(text);
  for (std::size_t i = 0; i < vectors.size(); ++i) backend.upload(vectors[i].vector->all(), values[i].data());
  return text;
}

}  // namespace

void save_state(const std::filesystem::path& folder, Backend& backend, const std::vector<StateVector>& vectors,
                const std::string& text) {
  Checksum checksum;
  checksum.add(text);
  std::vector<NamedTensor> tensors;
  for (const StateVector& state : vectors) {
    tensors.push_back(downloaded(backend, state));
    checksum.add(state.name);
    checksum.add(tensors.back().data);
  }
  write_safetensors((folder / kNewStateFile).string(), tensors, {{"run", text}, {"crc32", checksum.text()}});
  // A crash between these two lines leaves the previous state and the new one, under its first name.
  std::error_code none_yet;
  std::filesystem::rename(folder / kStateFile, folder / kPreviousStateFile, none_yet);
  std::filesystem::rename(folder / kNewStateFile, folder / kStateFile);
}

std::string load_state(const std::filesystem::path& folder, Backend& backend, const std::vector<StateVector>& vectors,
                       const std::function<void(const std::string& text)>& accept,
                       const std::function<void(const std::string&)>& note) {
  std::string problems;
  for (const char* name : {kNewStateFile, kStateFile, kPreviousStateFile}) {
    const std::filesystem::path path = folder / name;
    if (!std::filesystem::exists(path)) continue;
    try {
      return load(path.string(), backend, vectors, accept);
    } catch (const Error& error) {
      note(std::string(error.what()) + "; trying the state before it");
      problems += (problems.empty() ? "" : "; ") + std::string(error.what());
    }
  }
  require(problems.empty(), "no state in ", folder.string(), " can be resumed from: ", problems,
          ". Start the run anew with --overwrite");
  return "";
}

void remove_states(const std::filesystem::path& folder) {
  for (const char* name : {kNewStateFile, kStateFile, kPreviousStateFile}) std::filesystem::remove(folder / name);
}

}  // namespace dgsam
