// TensorFile: named tensors in a file, whatever its format. safetensors and PyTorch's own two formats.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/io/byte_source.h"
#include "engine/io/elements.h"

namespace dgsam {

/// "[64, 3, 7, 7]"
std::string shape_text(std::span<const std::int64_t> shape);

/// An opened file of tensors. Opening it reads and checks its description of them; their values are read on demand.
class TensorFile {
 public:
  struct Entry {
    std::string name;
    std::string dtype;  ///< "F32", ... (elements.h)
    std::vector<std::int64_t> shape;
    std::uint64_t bytes = 0;  ///< of its elements
    std::size_t index = 0;    ///< the reader's own number for it

    std::uint64_t elements() const { return bytes / element_size_of(dtype); }
  };

  virtual ~TensorFile() = default;
  TensorFile(const TensorFile&) = delete;
  TensorFile& operator=(const TensorFile&) = delete;

  const std::string& path() const { return source_.name(); }
  std::uint64_t file_bytes() const { return source_.size(); }
  /// "safetensors", "PyTorch (zip)" or "PyTorch (before 1.6)"
  const std::string& format() const { return format_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  /// What was done to find the tensors and their names, one line each, for the user.
  const std::vector<std::string>& notes() const { return notes_; }
  const std::vector<Entry>& entries() const { return entries_; }
  /// The entry of that name, or nullptr.
  const Entry* find(std::string_view name) const;

  /// The elements of one of entries(), row-major and little-endian. Throws Error when they can't be read.
  virtual std::vector<std::byte> read_bytes(const Entry& entry) const = 0;
  /// The same as numbers. T is float, double or std::int64_t; std::int64_t reads integer types only.
  /// Throws Error for a name that is not in the file and for I/O errors.
  template <class T>
  std::vector<T> read_as(std::string_view name) const;

  /// Of the whole file, 64 hexadecimal digits.
  std::string sha256() const;

  /// Gives the tensors the names that torchvision's models have (plain_names.h). Each change is a note. Two tensors of
  /// one name are an Error.
  void use_plain_names();
  /// Leaves only the tensors whose names begin with the prefix, without it, and with a note. None is an Error.
  void use_names_under(const std::string& prefix);

 protected:
  TensorFile(ByteSource source, std::string format) : source_(std::move(source)), format_(std::move(format)) {}

  ByteSource source_;
  std::string format_;
  std::map<std::string, std::string> metadata_;
  std::vector<std::string> notes_;
  std::vector<Entry> entries_;

 private:
  void use_names(const std::vector<std::string>& notes);
};

/// Opens a file by its content, not by its name, with plain names. Anything but safetensors and PyTorch's state dicts
/// is an Error that says what the file looks like and what to do.
std::unique_ptr<TensorFile> open_tensor_file(const std::string& path);
std::unique_ptr<TensorFile> open_tensor_file(ByteSource source);
/// The same with the names that the file gives to what is under this prefix, and nothing else.
std::unique_ptr<TensorFile> open_tensor_file_under(const std::string& path, const std::string& prefix);

}  // namespace dgsam
