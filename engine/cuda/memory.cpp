// Device memory and the copies to, from and within it.
#include "engine/cuda/cuda_kernel_backend.h"

namespace dgsam {

CudaKernelBackend::CudaKernelBackend() : info_(open_device()) {
  constexpr int kThreadsPerMultiprocessor = 2048;
  queue_ = {stream_.get(), info_.multiprocessors * (kThreadsPerMultiprocessor / kMapThreads)};
}

void* CudaKernelBackend::allocate(std::size_t bytes) {
  void* address = nullptr;
  const cudaError_t status = cudaMalloc(&address, bytes);
  if (status == cudaErrorMemoryAllocation) {
    static_cast<void>(cudaGetLastError());  // it is dealt with
    fail("out of device memory: ", bytes >> 20, " MiB asked for with ", bytes_allocated_ >> 20, " MiB in use and ",
         free_bytes() >> 20, " MiB free; take a smaller batch or image");
  }
  check_cuda(status, "cudaMalloc of ", bytes, " bytes");
  check_cuda(cudaMemsetAsync(address, 0, bytes, stream().get()), "zeroing ", bytes, " bytes");
  release_early_uploads();  // one must not arrive before the zeros
  bytes_allocated_ += bytes;
  ++allocations_;
  return address;
}

void CudaKernelBackend::deallocate(void* address, std::size_t bytes) noexcept {
  static_cast<void>(cudaFree(address));  // waits for the kernels that may be using it
  bytes_allocated_ -= bytes;
  ++deallocations_;
}

std::size_t CudaKernelBackend::free_bytes() const {
  std::size_t free = 0, total = 0;
  check_cuda(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
  return free;
}

void* CudaKernelBackend::scratch(std::size_t bytes) {
  Buffer& memory = on_side_ ? side_scratch_ : scratch_;
  if (memory.bytes() < bytes) {
    memory = Buffer();
    memory = Buffer(*this, bytes);
  }
  return memory.data();
}

std::string CudaKernelBackend::name() const { return "cuda (" + info_.name + ")"; }

Layout CudaKernelBackend::preferred_layout(DType) const { return Layout::dense; }

void CudaKernelBackend::upload(Tensor to, const void* host) { staging_.send(to.data, host, to.bytes(), stream()); }

void CudaKernelBackend::download(void* host, ConstTensor from) {
  check_cuda(cudaMemcpyAsync(host, from.data, from.bytes(), cudaMemcpyDeviceToHost, stream().get()), "download of ",
             from.type);
  stream().synchronize();
}

void CudaKernelBackend::copy(ConstTensor from, Tensor to) {
  require(from.type == to.type, "copy: from ", from.type, " to ", to.type);
  check_cuda(cudaMemcpyAsync(to.data, from.data, from.bytes(), cudaMemcpyDeviceToDevice, stream().get()), "copy of ",
             from.type);
}

void CudaKernelBackend::zero(Tensor x) {
  check_cuda(cudaMemsetAsync(x.data, 0, x.bytes(), stream().get()), "zeroing ", x.type);
}

void CudaKernelBackend::synchronize() { stream().synchronize(); }

}  // namespace dgsam
