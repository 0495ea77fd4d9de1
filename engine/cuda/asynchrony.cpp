// What the device does while the host goes on: recorded steps, work on a second stream, early uploads, read-backs.
#include "engine/cuda/cuda_kernel_backend.h"

namespace dgsam {
namespace {

class CapturedRecording final : public Recording {
 public:
  CapturedRecording(const CudaKernelBackend& backend, const Stream& stream, const std::function<void()>& work)
      : backend_(backend), stream_(stream), graph_(stream, work), deallocations_(backend.deallocations()) {}

  bool valid() const override { return backend_.deallocations() == deallocations_; }
  void replay() override {
    require(valid(), "recorded operations were replayed after memory had been given back");
    graph_.launch(stream_);
  }
  std::int64_t launches() const override { return graph_.launches(); }

 private:
  const CudaKernelBackend& backend_;
  const Stream& stream_;
  CapturedGraph graph_;
  std::int64_t deallocations_;
};

}  // namespace

std::unique_ptr<Recording> CudaKernelBackend::record(const std::function<void()>& work) {
  join_side();
  launch_folds();
  return std::make_unique<CapturedRecording>(*this, stream_, [&] {
    work();
    join_side();
    launch_folds();
  });
}

void CudaKernelBackend::upload_early(Tensor to, const void* host) {
  early_released_.hold_back(copy_stream_);
  early_staging_.send(to.data, host, to.bytes(), copy_stream_);
  early_sent_.record(copy_stream_);
  early_sent_.hold_back(stream());
}

void CudaKernelBackend::release_early_uploads() { early_released_.record(stream()); }

void CudaKernelBackend::begin_side() {
  join_side();
  side_begun_.record(stream());
  side_begun_.hold_back(side_stream_);
  side_is_open_ = true;
  switch_to(true);
}

void CudaKernelBackend::end_side() {
  side_ended_.record(stream());
  switch_to(false);
}

void CudaKernelBackend::join_side() {
  if (!side_is_open_) return;
  side_ended_.hold_back(stream());
  side_is_open_ = false;
}

void CudaKernelBackend::switch_to(bool side) {
  on_side_ = side;
  queue_.stream = stream().get();
}

class CudaKernelBackend::PinnedReadBack final : public ReadBack {
 public:
  PinnedReadBack(CudaKernelBackend& backend, std::size_t bytes) : backend_(backend), bytes_(bytes), memory_(bytes) {}

  void start(ConstTensor from) override {
    require(from.bytes() <= bytes_, "a read-back of ", bytes_, " bytes was given ", from.type);
    const Stream& stream = backend_.stream();
    check_cuda(cudaMemcpyAsync(memory_.data(), from.data, from.bytes(), cudaMemcpyDeviceToHost, stream.get()),
               "read-back of ", from.type);
    arrived_.record(stream);
  }
  const void* wait() override {
    arrived_.synchronize();
    return memory_.data();
  }

 private:
  CudaKernelBackend& backend_;
  std::size_t bytes_;
  PinnedMemory memory_;
  Event arrived_;
};

std::unique_ptr<ReadBack> CudaKernelBackend::make_read_back(std::size_t bytes) {
  return std::make_unique<PinnedReadBack>(*this, bytes);
}

}  // namespace dgsam
