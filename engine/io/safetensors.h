// safetensors: a length (u64), a JSON header of names, types, shapes and byte ranges, then the bytes of all tensors.
// Format: https://github.com/huggingface/safetensors#format. Element types: those of elements.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "engine/io/tensor_file.h"

namespace dgsam {

/// A safetensors file that was opened and whose header was found consistent: every tensor has a supported type, a shape
/// that fits its byte range, and the ranges cover the rest of the file without gap or overlap. Its entries are in the
/// order of their bytes, under the file's own names.
class SafetensorsFile : public TensorFile {
 public:
  /// Reads the header alone. Throws Error that names the file when it can't be read or is not what it should be.
  explicit SafetensorsFile(const std::string& path);
  explicit SafetensorsFile(ByteSource source);

  std::vector<std::byte> read_bytes(const Entry& entry) const override;
  /// Where the elements of one of entries() begin in the file.
  std::uint64_t offset_of(const Entry& entry) const { return offsets_[entry.index]; }

 private:
  void parse_header(const std::string& header);

  std::vector<std::uint64_t> offsets_;  ///< by Entry::index
};

/// A tensor to be written: its elements as the file will hold them, row-major and little-endian.
struct NamedTensor {
  std::string name;
  std::string dtype;
  std::vector<std::int64_t> shape;
  std::vector<std::byte> data;
};

/// The values as elements_of() stores them. Throws Error when values and shape differ in size.
template <class T>
NamedTensor make_named_tensor(std::string name, std::string dtype, std::vector<std::int64_t> shape,
                              std::span<const T> values);

/// Writes the file atomically: a reader, or a crash, sees the old file or the new one, never a part. The same
/// arguments give the same bytes. Wider element types come first, so that every tensor is aligned.
/// Throws Error that names the path.
void write_safetensors(const std::string& path, const std::vector<NamedTensor>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace dgsam
