// CpuBackend: every operation as plain C++ templates over float, double and bfloat16, parallel with OpenMP.
//
// It needs no library, takes both layouts everywhere, and is the reference for every other backend. Convolutions are
// our own GEMM over gathered operands. Work is cut into chunks whose size does not depend on the number of threads and
// partial sums are added in chunk order, so results do not depend on the number of threads.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include "engine/backend.h"

namespace dgsam {

struct CpuOptions {
  int threads = 0;       ///< 0: as many as this process may run at once (engine/core/limits.h)
  bool winograd = true;  ///< oneDNN, f32: 3x3 convolutions by F(4x4, 3x3); false: the direct sums
};

class CpuBackend : public Backend {
 public:
  explicit CpuBackend(const CpuOptions& options = {});

  int threads() const { return threads_; }
  /// Bytes in live allocations, scratch memory included.
  std::size_t bytes_allocated() const { return bytes_allocated_; }
  /// Calls of allocate() so far, growth of the scratch memory included: what must stand still while a program is
  /// replayed.
  std::int64_t allocations() const { return allocations_; }

  void* allocate(std::size_t bytes) override;
  void deallocate(void* address, std::size_t bytes) noexcept override;

  std::string name() const override;
  Layout preferred_layout(DType dtype) const override;
  void upload(Tensor to, const void* host) override;
  void download(void* host, ConstTensor from) override;
  void synchronize() override {}
  std::unique_ptr<ReadBack> make_read_back(std::size_t bytes) override;

#define OPERATION(name, parameters, ...) void name parameters override;
#define OPERATION_WITH_DEFAULT(name, parameters, ...)
#include "engine/operations.def"

 protected:
  /// At least `bytes` of scratch memory, 64-byte aligned, valid until the next call; it grows and is never given back.
  /// Its contents are undefined.
  void* scratch(std::size_t bytes);

 private:
  int threads_ = 1;
  std::atomic<std::size_t> bytes_allocated_ = 0;
  std::atomic<std::int64_t> allocations_ = 0;
  Buffer scratch_;
};

}  // namespace dgsam
