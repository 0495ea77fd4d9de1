// Buffer: the one owner of device memory.
#pragma once

#include <cstddef>
#include <utility>

namespace dgsam {

/// Where device memory comes from; every Backend is one.
class Allocator {
 public:
  virtual ~Allocator() = default;
  /// Zero-filled, aligned to at least 64 bytes. Throws Error when there is not enough.
  virtual void* allocate(std::size_t bytes) = 0;
  virtual void deallocate(void* address, std::size_t bytes) noexcept = 0;
  /// Bytes that allocate() can still give, about; kUnknownBytes where nobody can tell.
  static constexpr std::size_t kUnknownBytes = static_cast<std::size_t>(-1);
  virtual std::size_t free_bytes() const { return kUnknownBytes; }
};

/// Move-only owner of one allocation. Its allocator must outlive it.
class Buffer {
 public:
  Buffer() = default;
  Buffer(Allocator& allocator, std::size_t bytes)
      : allocator_(&allocator), data_(bytes ? allocator.allocate(bytes) : nullptr), bytes_(bytes) {}
  Buffer(Buffer&& other) noexcept { swap(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    Buffer(std::move(other)).swap(*this);
    return *this;
  }
  ~Buffer() {
    if (data_) allocator_->deallocate(data_, bytes_);
  }

  void* data() { return data_; }
  const void* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }
  /// The address `offset` bytes in.
  void* at(std::size_t offset) { return static_cast<std::byte*>(data_) + offset; }
  const void* at(std::size_t offset) const { return static_cast<const std::byte*>(data_) + offset; }

  void swap(Buffer& other) noexcept {
    std::swap(allocator_, other.allocator_);
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
  }

 private:
  Allocator* allocator_ = nullptr;
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace dgsam
