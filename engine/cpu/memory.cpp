// Memory of the CPU backend and the copies. Big blocks are anonymous maps on 2 MiB boundaries with huge pages asked
// for: fewer TLB misses, zero pages for free.
#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <vector>

#include "engine/core/limits.h"
#include "engine/cpu/cpu_backend.h"
#include "engine/cpu/parallel.h"

namespace dgsam {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr std::size_t kAlignment = 64;

std::size_t round_up(std::size_t bytes, std::size_t unit) { return (bytes + unit - 1) / unit * unit; }

void* map_huge(std::size_t bytes) {
  const std::size_t mapped = bytes + kHugePage;
  void* const map = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED) return nullptr;
  const auto begin = reinterpret_cast<std::size_t>(map);
  const std::size_t aligned = round_up(begin, kHugePage);
  if (aligned > begin) munmap(map, aligned - begin);
  munmap(reinterpret_cast<void*>(aligned + bytes), begin + kHugePage - aligned);
  void* const address = reinterpret_cast<void*>(aligned);
  madvise(address, bytes, MADV_HUGEPAGE);
  return address;
}

void* allocate_small(std::size_t bytes) {
  void* const address = std::aligned_alloc(kAlignment, round_up(bytes, kAlignment));
  if (address) std::memset(address, 0, bytes);
  return address;
}

void copy_bytes(int threads, void* to, const void* from, std::size_t bytes) {
  parallel_chunks(threads, static_cast<std::int64_t>(bytes), 1 << 20, [&](std::int64_t begin, std::int64_t end) {
    std::memcpy(static_cast<char*>(to) + begin, static_cast<const char*>(from) + begin,
                static_cast<std::size_t>(end - begin));
  });
}

/// Everything is done when a call returns, so the value is there as soon as it is asked for.
class HostReadBack final : public ReadBack {
 public:
  explicit HostReadBack(std::size_t bytes) : bytes_(bytes) {}
  void start(ConstTensor from) override { std::memcpy(bytes_.data(), from.data, from.bytes()); }
  const void* wait() override { return bytes_.data(); }

 private:
  std::vector<std::byte> bytes_;
};

}  // namespace

CpuBackend::CpuBackend(const CpuOptions& options)
    : threads_(options.threads > 0 ? options.threads : cpu_limits().threads()) {}

void* CpuBackend::allocate(std::size_t bytes) {
  void* const address = bytes >= kHugePage ? map_huge(round_up(bytes, kHugePage)) : allocate_small(bytes);
  require(address != nullptr, "out of memory: ", bytes >> 20, " MiB asked for with ", bytes_allocated_ >> 20,
          " MiB in use; take a smaller batch or image");
  bytes_allocated_ += bytes;
  ++allocations_;
  return address;
}

void CpuBackend::deallocate(void* address, std::size_t bytes) noexcept {
  if (bytes >= kHugePage) {
    munmap(address, round_up(bytes, kHugePage));
  } else {
    std::free(address);
  }
  bytes_allocated_ -= bytes;
}

void* CpuBackend::scratch(std::size_t bytes) {
  if (scratch_.bytes() < bytes) {
    scratch_ = Buffer();
    scratch_ = Buffer(*this, bytes);
  }
  return scratch_.data();
}

std::string CpuBackend::name() const { return "cpu (" + std::to_string(threads_) + " threads)"; }

Layout CpuBackend::preferred_layout(DType) const { return Layout::dense; }

void CpuBackend::upload(Tensor to, const void* host) { copy_bytes(threads_, to.data, host, to.bytes()); }

void CpuBackend::download(void* host, ConstTensor from) { copy_bytes(threads_, host, from.data, from.bytes()); }

void CpuBackend::copy(ConstTensor from, Tensor to) {
  require(from.type == to.type, "copy: from ", from.type, " to ", to.type);
  copy_bytes(threads_, to.data, from.data, from.bytes());
}

void CpuBackend::zero(Tensor x) {
  parallel_chunks(threads_, static_cast<std::int64_t>(x.bytes()), 1 << 20, [&](std::int64_t begin, std::int64_t end) {
    std::memset(static_cast<char*>(x.data) + begin, 0, static_cast<std::size_t>(end - begin));
  });
}

std::unique_ptr<ReadBack> CpuBackend::make_read_back(std::size_t bytes) {
  return std::make_unique<HostReadBack>(bytes);
}

}  // namespace dgsam
