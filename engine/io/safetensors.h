// safetensors: a length (u64), a JSON header of names, types, shapes and byte ranges, then the bytes of all tensors.
// Format: https://github.com/huggingface/safetensors#format. Element types here: F64, F32, F16, BF16 and I64.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dgsam {

/// Bytes of one element of a safetensors type ("F32"), or 0 for a type that is not supported here.
std::size_t safetensors_element_size(std::string_view dtype);
/// "[64, 3, 7, 7]"
std::string shape_text(std::span<const std::int64_t> shape);

/// A safetensors file that was opened and whose header was found consistent: every tensor has a supported type, a shape
/// that fits its byte range, and the ranges cover the rest of the file without gap or overlap.
class SafetensorsFile {
 public:
  struct Entry {
    std::string name;
    std::string dtype;  ///< "F32", ...
    std::vector<std::int64_t> shape;
    std::uint64_t begin = 0;  ///< of its bytes in the file
    std::uint64_t bytes = 0;

    std::uint64_t elements() const { return bytes / safetensors_element_size(dtype); }
  };

  /// Reads the header alone. Throws Error that names the file when it can't be read or is not what it should be.
  explicit SafetensorsFile(const std::string& path);
  ~SafetensorsFile();
  SafetensorsFile(const SafetensorsFile&) = delete;
  SafetensorsFile& operator=(const SafetensorsFile&) = delete;

  const std::string& path() const { return path_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  /// In the order of their bytes.
  const std::vector<Entry>& entries() const { return entries_; }
  /// The entry of that name, or nullptr.
  const Entry* find(std::string_view name) const;

  /// The elements of a tensor, converted. T is float, double or std::int64_t; std::int64_t reads I64 only.
  /// Throws Error for a name that is not in the file and for I/O errors.
  template <class T>
  std::vector<T> read_as(std::string_view name) const;

 private:
  void parse_header(const std::string& header, std::uint64_t file_bytes);
  void read_at(std::uint64_t offset, void* to, std::size_t bytes) const;

  std::string path_;
  int descriptor_ = -1;
  std::map<std::string, std::string> metadata_;
  std::vector<Entry> entries_;
};

/// A tensor to be written: its elements as the file will hold them, row-major and little-endian.
struct NamedTensor {
  std::string name;
  std::string dtype;
  std::vector<std::int64_t> shape;
  std::vector<std::byte> data;
};

/// T is float, double or std::int64_t. `dtype` is any supported type for float and double (narrowed with rounding to
/// nearest even, F16 and BF16 by way of float) and I64 for std::int64_t. Throws Error when values and shape differ in
/// size.
template <class T>
NamedTensor make_named_tensor(std::string name, std::string dtype, std::vector<std::int64_t> shape,
                              std::span<const T> values);

/// Writes the file atomically: a reader, or a crash, sees the old file or the new one, never a part. The same
/// arguments give the same bytes. Wider element types come first, so that every tensor is aligned.
/// Throws Error that names the path.
void write_safetensors(const std::string& path, const std::vector<NamedTensor>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace dgsam
