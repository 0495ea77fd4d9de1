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

 private:
  const CudaKernelBackend& backend_;
  const Stream& stream_;
  CapturedGraph graph_;
  std::int64_t deallocations_;
};

class PinnedReadBack final : public ReadBack {
 public:
  PinnedReadBack(const Stream& stream, std::size_t bytes) : stream_(stream), bytes_(bytes), memory_(bytes) {}

  void start(const Tensor& from) override {
    require(from.bytes() <= bytes_, "a read-back of ", bytes_, " bytes was given ", from.type);
    check_cuda(cudaMemcpyAsync(memory_.data(), from.data, from.bytes(), cudaMemcpyDeviceToHost, stream_.get()),
               "read-back of ", from.type);
    arrived_.record(stream_);
  }
  const void* wait() override {
    arrived_.synchronize();
    return memory_.data();
  }

 private:
  const Stream& stream_;
  std::size_t bytes_;
  PinnedMemory memory_;
  Event arrived_;
};

}  // namespace

std::unique_ptr<Recording> CudaKernelBackend::record(const std::function<void()>& work) {
  join_side();
  return std::make_unique<CapturedRecording>(*this, stream_, [&] {
    work();
    join_side();
  });
}

void CudaKernelBackend::upload_early(const Tensor& to, const void* host) {
  early_released_.hold_back(copy_stream_);
  early_staging_.send(to.data, host, to.bytes(), copy_stream_);
  early_sent_.record(copy_stream_);
  early_sent_.hold_back(stream());
}

void CudaKernelBackend::release_early_uploads() { early_released_.record(stream()); }

void CudaKernelBackend::begin_side() {
  join_side();
  side_begun_.record(stream_);
  side_begun_.hold_back(side_stream_);
  side_is_open_ = true;
  switch_to(true);
}

void CudaKernelBackend::end_side() {
  side_ended_.record(side_stream_);
  switch_to(false);
}

void CudaKernelBackend::join_side() {
  if (!side_is_open_) return;
  side_ended_.hold_back(stream_);
  side_is_open_ = false;
}

void CudaKernelBackend::switch_to(bool side) {
  on_side_ = side;
  queue_.stream = stream().get();
}

std::unique_ptr<ReadBack> CudaKernelBackend::make_read_back(std::size_t bytes) {
  return std::make_unique<PinnedReadBack>(stream_, bytes);
}

}  // namespace dgsam
