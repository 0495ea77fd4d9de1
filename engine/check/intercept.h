// Decorators over a backend see every operation as one Call.
#pragma once

#include <functional>
#include <string>
#include <type_traits>
#include <vector>

#include "engine/backend.h"
#include "engine/operations.h"

namespace dgsam {

/// One call of one operation.
struct Call {
  struct Operand {
    ConstTensor tensor;  ///< empty where an optional operand is absent
    bool written;
    bool opaque;  ///< no other backend is to be given it
  };

  Operation op;
  std::vector<Operand> operands;  ///< the tensors, in the order of the operation's parameters
  /// Does the operation on `backend`.
  std::function<void(Backend& backend)> run_on;
  /// The same with other tensors in place of the operands.
  std::function<void(Backend& backend, const std::vector<Tensor>& tensors)> run_with;

  /// "conv2d f32[1, 5, 5, 3] f32[4, 3, 3, 3] - - -> f32[1, 5, 5, 4]": what is read, then what is written.
  std::string text() const;
};

/// Hands every operation to intercept(), and everything else to the inner backend, which must outlive this one.
class InterceptingBackend : public Backend {
 public:
  explicit InterceptingBackend(Backend& inner) : inner_(inner) {}

  void* allocate(std::size_t bytes) override { return inner_.allocate(bytes); }
  void deallocate(void* address, std::size_t bytes) noexcept override { inner_.deallocate(address, bytes); }
  std::size_t free_bytes() const override { return inner_.free_bytes(); }
  std::size_t scratch_to_come() const override { return inner_.scratch_to_come(); }
  std::string name() const override { return inner_.name(); }
  Layout preferred_layout(DType dtype) const override { return inner_.preferred_layout(dtype); }
  int relu_mask_bits(DType activation) override { return inner_.relu_mask_bits(activation); }
  void upload(Tensor to, const void* host) override { inner_.upload(to, host); }
  void download(void* host, ConstTensor from) override { inner_.download(host, from); }
  void synchronize() override { inner_.synchronize(); }
  bool is_asynchronous() const override { return inner_.is_asynchronous(); }
  std::unique_ptr<Recording> record(const std::function<void()>& work) override { return inner_.record(work); }
  void upload_early(Tensor to, const void* host) override { inner_.upload_early(to, host); }
  void release_early_uploads() override { inner_.release_early_uploads(); }
  void begin_side() override { inner_.begin_side(); }
  void end_side() override { inner_.end_side(); }
  void join_side() override { inner_.join_side(); }
  std::unique_ptr<ReadBack> make_read_back(std::size_t bytes) override { return inner_.make_read_back(bytes); }
  std::unique_ptr<ImageStore> make_image_store(const ImageStoreSpec& spec) override {
    return inner_.make_image_store(spec);
  }

#define OPERATION(name, parameters, ...) void name parameters override;
#include "engine/operations.def"

 protected:
  Backend& inner() { return inner_; }
  virtual void intercept(const Call& call) = 0;

 private:
  /// Parameters tell what is read and what is written.
  template <class... Parameters>
  void call(Operation op, void (Backend::*operation)(Parameters...),
            const std::type_identity_t<Parameters>&... arguments);

  Backend& inner_;
};

}  // namespace dgsam
