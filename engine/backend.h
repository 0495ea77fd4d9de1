// THE page: every operation that the engine can do. A backend with a hole does not compile. (Two are made of others; a
// backend overrides them where it can do them at once.)
//
// Contract of every operation
//   - Outputs are given; nothing here allocates tensors or decides shapes. Shapes, types and layouts are consistent
//     already (the graph's ops inferred them); a backend checks what it relies on and throws Error otherwise.
//   - Operands do not overlap, except where a line says "in place": there an output may be one of the inputs.
//   - Operands that are read are ConstTensors, those that are written are Tensors, some of which are read before.
//   - One without data (`{}`) stands for an optional operand that is absent.
//   - N H W C: input image; K output channels; R S filter; P Q output rows and columns. dx = d loss / d x.
//   - Activations are f32, f64 or bf16. `master` = f64 for f64, else f32: the type of parameters, biases, statistics,
//     losses and of every sum. Images may have either Layout; weights and matrices are dense.
//   - Sums are taken in a fixed order: same inputs, same bits, for a given number of threads.
//   - Operations may be asynchronous: they run in the order of the calls; download() and synchronize() wait.
//   - What changes from step to step is read from device memory (StepCounters, optimizer scalars), never passed by
//     value, so that a recorded step can be replayed.
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
  virtual void copy(ConstTensor from, Tensor to) = 0;  ///< same type
  virtual void zero(Tensor x) = 0;
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

  // --- convolution ------------------------------------------------------------------------------------------------
  /// y[n,p,q,k] = act(b[k] + z[n,p,q,k] + sum_{r,s,c} x[n, p·stride+r-padding, q·stride+s-padding, c] · w[k,r,s,c])
  /// x [N,H,W,C], w [K,R,S,C] of x's dtype, b [K] master or absent, z like y (the residual) or absent, y [N,P,Q,K].
  virtual void conv2d(ConstTensor x, ConstTensor w, ConstTensor b, ConstTensor z, Tensor y, const Conv2dSpec& spec) = 0;
  /// How this backend notes where a ReLU was positive: a bit per element, rows of channels padded to a multiple of so
  /// many bits. 0: it reads the ReLU's output instead, and leaves masks alone. May run something to find out.
  virtual int relu_mask_bits(DType /*activation*/) { return 0; }
  /// conv2d with spec.relu that writes `mask`, too: u8 [N·P·Q, K padded to relu_mask_bits(), in bytes], to be read by
  /// conv2d_data_grad_relu() of the same backend. What its bits mean is the backend's own.
  virtual void conv2d_relu_mask(ConstTensor x, ConstTensor w, ConstTensor b, ConstTensor z, Tensor y,
                                Opaque<Tensor> /*mask*/, const Conv2dSpec& spec) {
    conv2d(x, w, b, z, y, spec);
  }
  /// dx = sum over k,r,s of the outputs that x fed. dy [N,P,Q,K], w [K,R,S,C], dx [N,H,W,C].
  virtual void conv2d_data_grad(ConstTensor dy, ConstTensor w, Tensor dx, const Conv2dSpec& spec) = 0;
  /// dw[k,r,s,c] = sum over n,p,q of dy[n,p,q,k] · x[n, p·stride+r-padding, q·stride+s-padding, c]. dw [K,R,S,C]
  /// master; libraries on GPUs may round it to x's type on the way, and b of conv2d, too.
  virtual void conv2d_weight_grad(ConstTensor x, ConstTensor dy, Tensor dw, const Conv2dSpec& spec) = 0;
  /// The gradient of everything behind a convolution's sum, in one pass over the activations:
  ///   dz = (dy + dy2) ⊙ [y > 0],   db[k] = sum over n,p,q of dz[n,p,q,k]
  /// dy2, y, dz and db may each be absent (no second gradient, no ReLU, sums only, no bias). Rank 2 or 4; db [K]
  /// master. In place: dz may be dy or dy2.
  virtual void bias_relu_grad(ConstTensor dy, ConstTensor dy2, ConstTensor y, Tensor dz, Tensor db) = 0;
  /// Both of them for an x that is a ReLU's output and feeds a second operation, whose gradient is dx2:
  ///   dz = (conv2d_data_grad(dy, w) + dx2) ⊙ [x > 0],   db[c] = sum over n,h,w of dz[n,h,w,c]
  /// dx2 and db may be absent, and so may `mask`, what conv2d_relu_mask() wrote beside x. x, dx2 and dz are alike;
  /// db [C] master, which libraries on GPUs may round to dz's type on the way.
  virtual void conv2d_data_grad_relu(ConstTensor dy, ConstTensor w, ConstTensor dx2, ConstTensor x,
                                     Opaque<ConstTensor> /*mask*/, Tensor dz, Tensor db, const Conv2dSpec& spec) {
    conv2d_data_grad(dy, w, dz, spec);
    bias_relu_grad(dz, dx2, x, dz, db);
  }

  // --- linear -----------------------------------------------------------------------------------------------------
  /// y[n,k] = b[k] + sum_c x[n,c] · w[k,c]. x [N,C], w [K,C], b [K] master or absent, y [N,K].
  virtual void linear(ConstTensor x, ConstTensor w, ConstTensor b, Tensor y) = 0;
  /// dx[n,c] = sum_k dy[n,k] · w[k,c]
  virtual void linear_data_grad(ConstTensor dy, ConstTensor w, Tensor dx) = 0;
  /// dw[k,c] = sum_n dy[n,k] · x[n,c]. dw master.
  virtual void linear_weight_grad(ConstTensor x, ConstTensor dy, Tensor dw) = 0;

  // --- normalisation ----------------------------------------------------------------------------------------------
  /// Frozen batch norm folded into the convolution before it (s = 1/sqrt(var + eps), per output channel k):
  ///   folded_w[k] = gamma[k] s[k] w[k],   folded_b[k] = beta[k] - gamma[k] s[k] mean[k]
  /// w [K,R,S,C] and all vectors [K] master; folded_w like w in any activation dtype (the cast is part of the fold).
  virtual void fold_batch_norm(ConstTensor w, ConstTensor gamma, ConstTensor beta, ConstTensor mean, ConstTensor var,
                               double eps, Tensor folded_w, Tensor folded_b) = 0;
  /// dw[k] = gamma[k] s[k] dfw[k],   dgamma[k] = s[k] (<w[k], dfw[k]> - mean[k] dfb[k]),   dbeta[k] = dfb[k].
  /// All master. In place: dw may be dfw, dbeta may be dfb.
  virtual void fold_batch_norm_grad(ConstTensor w, ConstTensor gamma, ConstTensor mean, ConstTensor var, double eps,
                                    ConstTensor dfw, ConstTensor dfb, Tensor dw, Tensor dgamma, Tensor dbeta) = 0;
  /// y = gamma (x - mean)·invstd + beta with the batch's own mean and biased variance per channel, which are written
  /// to mean and invstd [C] master. running_mean/var [C] move by `momentum` when spec.running and the pass counter say
  /// so, and may be absent when it is `never`. counters i64[kStepCounters].
  virtual void batch_norm(ConstTensor x, ConstTensor gamma, ConstTensor beta, Tensor running_mean, Tensor running_var,
                          ConstTensor counters, Tensor y, Tensor mean, Tensor invstd, const BatchNormSpec& spec) = 0;
  /// xhat = (x - mean)·invstd;  dgamma = sum dy·xhat;  dbeta = sum dy;
  /// dx = gamma·invstd/M · (M dy - dbeta - xhat dgamma), M = N·H·W. In place: dx may be dy.
  virtual void batch_norm_grad(ConstTensor x, ConstTensor gamma, ConstTensor mean, ConstTensor invstd, ConstTensor dy,
                               Tensor dx, Tensor dgamma, Tensor dbeta) = 0;
  /// y = gamma (x - mean)·invstd + beta with statistics per image and group of C/groups channels: mean, invstd
  /// [N, groups] master (biased variance).
  virtual void group_norm(ConstTensor x, ConstTensor gamma, ConstTensor beta, Tensor y, Tensor mean, Tensor invstd,
                          int groups, double eps) = 0;
  /// As batch_norm_grad, with M = H·W·C/groups and the sums weighted by gamma inside dx. In place: dx may be dy.
  virtual void group_norm_grad(ConstTensor x, ConstTensor gamma, ConstTensor mean, ConstTensor invstd, ConstTensor dy,
                               Tensor dx, Tensor dgamma, Tensor dbeta, int groups) = 0;

  // --- element-wise and pooling -----------------------------------------------------------------------------------
  /// y = max(x, 0). In place. (Its gradient is bias_relu_grad without db.)
  virtual void relu(ConstTensor x, Tensor y) = 0;
  /// y = a + b, same type. In place.
  virtual void add(ConstTensor a, ConstTensor b, Tensor y) = 0;
  /// y = x converted between f32, f64 and bf16; dense or same layout.
  virtual void cast(ConstTensor x, Tensor y) = 0;
  /// y[n,p,q,c] = the largest x in the window; winner u8 = its position r·kernel + s (the first one on ties), shaped
  /// and laid out like y.
  virtual void max_pool(ConstTensor x, Tensor y, Tensor winner, const PoolSpec& spec) = 0;
  virtual void max_pool_grad(ConstTensor dy, ConstTensor winner, Tensor dx, const PoolSpec& spec) = 0;
  /// y[n,c] = mean over h,w of x[n,h,w,c]. x [N,H,W,C], y [N,C] dense.
  virtual void global_avg_pool(ConstTensor x, Tensor y) = 0;
  /// dx[n,h,w,c] = dy[n,c] / (H·W).
  virtual void global_avg_pool_grad(ConstTensor dy, Tensor dx) = 0;
  /// y = x·mask/(1-p), mask drawn from (seed, step, pass, layer, element): see math/dropout.h. In place. Its gradient
  /// is the same operation on dy: the mask is drawn again, not stored. Dense.
  virtual void dropout(ConstTensor x, ConstTensor counters, Tensor y, const DropoutSpec& spec) = 0;

  // --- loss -------------------------------------------------------------------------------------------------------
  /// loss = mean over n of -log softmax(x[n])[labels[n]]; x [N,K], labels i32[N] in [0,K), loss [] master;
  /// probabilities [N,K] master.
  virtual void softmax_cross_entropy(ConstTensor x, ConstTensor labels, Tensor loss, Tensor probabilities) = 0;
  /// dx[n,k] = dloss (probabilities[n,k] - [k = labels[n]]) / N. dloss [] master.
  virtual void softmax_cross_entropy_grad(ConstTensor dloss, ConstTensor probabilities, ConstTensor labels,
                                          Tensor dx) = 0;
  /// x[i] = value for all i.
  virtual void fill(Tensor x, double value) = 0;

  // --- flat vectors: parameters, gradients, optimizer state; all rank 1, f32 or f64 ---------------------------------
  /// out f64[] = ||x||_2, summed in double in a fixed order.
  virtual void norm(ConstTensor x, Tensor out) = 0;
  /// out f64[] = sum_i x[i] y[i], summed like norm. y may be x.
  virtual void dot_product(ConstTensor x, ConstTensor y, Tensor out) = 0;
  /// y = alpha x + beta y; y is not read when beta is 0.
  virtual void axpby(double alpha, ConstTensor x, double beta, Tensor y) = 0;
  /// out = theta + rho g/(norm + eps), and out = theta where norm is 0. norm f64[]. In place.
  virtual void ascend(ConstTensor theta, ConstTensor g, ConstTensor norm, double rho, double eps, Tensor out) = 0;
  /// out = x - dot/norm² y, with dot = <x, y> and norm = ||y|| f64[]: the part of x that is orthogonal to y; out = x
  /// where norm is 0. In place: out may be x.
  virtual void reject(ConstTensor x, ConstTensor y, ConstTensor dot, ConstTensor norm, Tensor out) = 0;
  /// theta <- Adam(theta, gradient_scale·gradient); formulas in math/optimizer.h. m, v: the moments. scalars
  /// f64[kOptimizerScalars].
  virtual void adam(Tensor theta, ConstTensor gradient, double gradient_scale, Tensor m, Tensor v, ConstTensor scalars,
                    const AdamSpec& spec) = 0;
  /// theta <- SGD(theta, gradient_scale·gradient). velocity may be absent when momentum is 0; it starts at zero, which
  /// gives PyTorch's first step.
  virtual void sgd(Tensor theta, ConstTensor gradient, double gradient_scale, Tensor velocity, ConstTensor scalars,
                   const SgdSpec& spec) = 0;
};

}  // namespace dgsam
