// Backend: a device, its memory, and the operations of operations.def. A backend with a hole does not compile.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "engine/core/buffer.h"
#include "engine/core/tensor.h"
#include "engine/image_store.h"

namespace dgsam {

/// Cross-correlation with a square stride and symmetric zero padding; the filter size is in the weights' shape.
struct Conv2dSpec {
  int stride = 1;
  int padding = 0;
  bool relu = false;  ///< forward only: y = max(y, 0) after bias and residual
  bool operator==(const Conv2dSpec&) const = default;
};

struct PoolSpec {
  int kernel = 3;
  int stride = 2;
  int padding = 1;  ///< padded positions never win
  bool operator==(const PoolSpec&) const = default;
};

/// When a batch norm with batch statistics updates its running statistics.
///   first_pass  only in pass 0 of a step: SAM's and DGSAM's perturbed passes leave them alone
///   every_pass  in every pass
///   never       not at all
enum class RunningStatistics : std::uint8_t { first_pass, every_pass, never };

struct BatchNormSpec {
  double eps = 1e-5;
  double momentum = 0.1;  ///< weight of the new batch; the running variance takes the unbiased one, as PyTorch does
  RunningStatistics running = RunningStatistics::first_pass;
};

struct DropoutSpec {
  double p = 0.5;           ///< probability of zeroing; survivors are scaled by 1/(1-p)
  std::uint32_t layer = 0;  ///< tells dropout layers of one network apart
};

struct AdamSpec {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0;
  bool decoupled = false;  ///< false: Adam, decay added to the gradient; true: AdamW, theta *= 1 - lr·decay first
};

struct SgdSpec {
  double momentum = 0;
  bool nesterov = false;
  double weight_decay = 0;
};

/// i64[3] in device memory, one per pass: what random numbers and running statistics depend on.
enum StepCounter { kCounterSeed, kCounterStep, kCounterPass, kStepCounters };

/// f64[3] in device memory, one per step, for adam() and sgd().
enum OptimizerScalar {
  kLearningRate,
  kBiasCorrection1,  ///< 1 - beta1^t
  kBiasCorrection2,  ///< 1 - beta2^t
  kOptimizerScalars
};

/// Operations that were recorded once and can be queued again, on the same addresses.
class Recording {
 public:
  virtual ~Recording() = default;
  /// False once the backend has given memory back: what was recorded may point there.
  virtual bool valid() const = 0;
  /// Queues the operations. Throws Error unless valid().
  virtual void replay() = 0;
  /// Kernels, copies and fills of one replay.
  virtual std::int64_t launches() const = 0;
};

/// Brings a few bytes to the host while the device goes on.
class ReadBack {
 public:
  virtual ~ReadBack() = default;
  /// Queues a copy of `from`, which has at most the bytes that this was made for.
  virtual void start(ConstTensor from) = 0;
  /// Waits for the last start() alone, not for what was queued behind it. Valid until the next start().
  virtual const void* wait() = 0;
};

/// An operand whose bytes only the backend that wrote them understands. View: Tensor or ConstTensor.
template <class View>
struct Opaque : View {
  Opaque() = default;
  template <std::convertible_to<View> Operand>
  Opaque(const Operand& operand) : View(operand) {}
};

class Backend : public Allocator {
 public:
  // --- the device -------------------------------------------------------------------------------------------------
  virtual std::string name() const = 0;
  /// The image layout that this backend's convolutions are fastest in. Layers whose channel counts are no multiple of
  /// kBlock use dense whatever this says.
  virtual Layout preferred_layout(DType dtype) const = 0;
  /// The host memory may be reused as soon as the call returns.
  virtual void upload(Tensor to, const void* host) = 0;
  virtual void download(void* host, ConstTensor from) = 0;
  virtual void synchronize() = 0;
  /// Device memory that operations may yet take for themselves, beside what they are given, at most.
  virtual std::size_t scratch_to_come() const { return 0; }

  // --- the device while the host goes on; a backend that has nothing to gain keeps the defaults ---------------------
  /// Whether operations are queued rather than done when a call returns: then the following three can pay.
  virtual bool is_asynchronous() const { return false; }
  /// Records the operations that `work` calls, without doing them. `work` has been done once in the same way (memory
  /// is there, choices are made), and neither allocates, uploads nor waits. Null, with `work` not called, from a
  /// backend that does not record.
  virtual std::unique_ptr<Recording> record(const std::function<void()>& /*work*/) { return nullptr; }
  /// As upload(), but the copy may run beside operations that are queued already, except those queued before the last
  /// release_early_uploads(), which says that `to` is no longer needed by what was queued so far.
  virtual void upload_early(Tensor to, const void* host) { upload(to, host); }
  virtual void release_early_uploads() {}
  /// Operations between begin_side() and end_side() may run beside those called after end_side(), until join_side().
  /// begin_side() joins what is still on the side. Neither group may write what the other one touches.
  virtual void begin_side() {}
  virtual void end_side() {}
  virtual void join_side() {}
  virtual std::unique_ptr<ReadBack> make_read_back(std::size_t bytes) = 0;

  // --- images in device memory; a backend whose memory is the host's has no use for them -------------------------
  /// Null where free_bytes() is unknown.
  virtual std::unique_ptr<ImageStore> make_image_store(const ImageStoreSpec& /*spec*/) { return nullptr; }

  // --- the operations -------------------------------------------------------------------------------------------
#define OPERATION(name, parameters, ...) virtual void name parameters = 0;
#define OPERATION_WITH_DEFAULT(name, parameters, ...) virtual void name parameters;
#include "engine/operations.def"
  /// How this backend notes where a ReLU was positive: a bit per element, rows of channels padded to a multiple of so
  /// many bits. 0: it reads the ReLU's output instead, and leaves masks alone. May run something to find out.
  virtual int relu_mask_bits(DType /*activation*/) { return 0; }
};

inline void Backend::conv2d_relu_mask(ConstTensor x, ConstTensor w, ConstTensor b, ConstTensor z, Tensor y,
                                      Opaque<Tensor> /*mask*/, const Conv2dSpec& spec) {
  conv2d(x, w, b, z, y, spec);
}

inline void Backend::conv2d_data_grad_relu(ConstTensor dy, ConstTensor w, ConstTensor dx2, ConstTensor x,
                                           Opaque<ConstTensor> /*mask*/, Tensor dz, Tensor db, const Conv2dSpec& spec) {
  conv2d_data_grad(dy, w, dz, spec);
  bias_relu_grad(dz, dx2, x, dz, db);
}

}  // namespace dgsam
