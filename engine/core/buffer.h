// Buffer: the one owner of device memory.
#pragma once

#include <cstddef>
#include <memory>

namespace dgsam {

/// Where device memory comes from; every Backend is one.
class Allocator {
 public:
  virtual ~Allocator() = default;
  /// Zero-filled, aligned to at least 64 bytes. Throws Error when there is not enough.
  virtual void* allocate(std::size_t bytes) = 0;
  virtual void deallocate(void* address, std::size_t bytes) noexcept = 0;
};

/// Move-only owner of one allocation. Its allocator must outlive it.
class Buffer {
 public:
  Buffer() = default;
  Buffer(Allocator& allocator, std::size_t bytes)
      : memory_(bytes ? allocator.allocate(bytes) : nullptr, Release{&allocator, bytes}) {}

  void* data() const { return memory_.get(); }
  std::size_t bytes() const { return memory_ ? memory_.get_deleter().bytes : 0; }
  /// The address `offset` bytes in.
  void* at(std::size_t offset) const { return static_cast<std::byte*>(memory_.get()) + offset; }

 private:
  struct Release {
    Allocator* allocator = nullptr;
    std::size_t bytes = 0;
    void operator()(void* address) const { allocator->deallocate(address, bytes); }
  };
  std::unique_ptr<void, Release> memory_;
};

}  // namespace dgsam
