// What a training step asks of a device, and how fast the device could do it: the roofline that `bench step` prints.
#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "engine/check/intercept.h"

namespace dgsam {

/// What one operation takes: floating-point operations of convolutions and matrix products (a multiply-add is two), and
/// bytes of operands, each read or written once.
struct OperationWork {
  double flops = 0, bytes = 0;
};

/// The best that was measured.
struct DeviceRates {
  double flops_per_second = 0;  ///< of a large matrix product, asked for as a 1x1 convolution
  double bytes_per_second = 0;  ///< of a large copy, bytes read plus bytes written
};

/// Takes a second or less; up to 2 GB of device memory, which are given back. `dtype` is that of the matrices.
DeviceRates measure_device_rates(Backend& backend, DType dtype);

/// Seconds of operations that each take what is larger: their arithmetic or their traffic at the best rate.
double roofline_seconds(const std::vector<OperationWork>& work, const DeviceRates& rates);

/// A backend as the benchmark wants it; everything else is the inner backend's, which must outlive it.
class BenchBackend final : public InterceptingBackend {
 public:
  struct Options {
    bool images_stay = false;  ///< early uploads to an address are done once: the images are in device memory already
    bool side_stream = true;   ///< false: nothing runs beside anything
  };
  BenchBackend(Backend& inner, const Options& options) : InterceptingBackend(inner), options_(options) {}

  void upload_early(Tensor to, const void* host) override;
  void begin_side() override;
  void end_side() override;
  void join_side() override;

  /// Every operation since construction, until stop_counting(). A replayed recording counts nothing.
  const std::vector<OperationWork>& work() const { return work_; }
  void stop_counting() { counting_ = false; }

 private:
  void intercept(const Call& call) override;

  Options options_;
  bool counting_ = true;
  std::vector<OperationWork> work_;
  std::set<const void*> resident_;
};

}  // namespace dgsam
