// ByteSource: the bytes of a file, or of memory, read at any offset. What every reader of weights stands on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace dgsam {

/// Move-only. Its name begins every Error about its contents.
class ByteSource {
 public:
  /// Opens a regular file. Throws Error that names it.
  explicit ByteSource(const std::string& path);
  /// Bytes that stay alive and unchanged for as long as anything reads them.
  ByteSource(std::span<const std::byte> bytes, std::string name);
  ByteSource(ByteSource&& other) noexcept;
  ByteSource& operator=(ByteSource&&) = delete;
  ~ByteSource();

  const std::string& name() const { return name_; }
  std::uint64_t size() const { return size_; }
  /// Throws Error when the range is not inside, or can't be read.
  void read_at(std::uint64_t offset, void* to, std::size_t bytes) const;

  /// The open file, or -1 for memory. Its file offset is unspecified.
  int descriptor() const { return descriptor_; }
  /// The memory, or nothing for a file.
  std::span<const std::byte> memory() const { return memory_; }

 private:
  std::string name_;
  std::uint64_t size_ = 0;
  int descriptor_ = -1;
  std::span<const std::byte> memory_;
};

/// A piece of a file's text for a message: at most `limit` characters, with '?' for what is not printable ASCII.
std::string printable(std::string_view text, std::size_t limit = 100);

}  // namespace dgsam
