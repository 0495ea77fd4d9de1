// A backend that writes down what it is asked to do: tests pin the sequence of operations of a step as text. Beside the
// operations it notes what a step should not do while it runs (memory, copies to and from the host, waiting), and what
// runs on the side.
#pragma once

#include "engine/check/intercept.h"

namespace dgsam {

class TraceBackend final : public InterceptingBackend {
 public:
  using InterceptingBackend::InterceptingBackend;

  /// One Call::text() per operation since construction or clear(), and a line for each of the calls below.
  const std::vector<std::string>& lines() const { return lines_; }
  void clear() { lines_.clear(); }

  void* allocate(std::size_t bytes) override {
    lines_.push_back("allocate " + std::to_string(bytes) + " bytes");
    return InterceptingBackend::allocate(bytes);
  }
  void upload(Tensor to, const void* host) override {
    lines_.push_back("upload -> " + to.type.text());
    InterceptingBackend::upload(to, host);
  }
  void download(void* host, ConstTensor from) override {
    lines_.push_back("download " + from.type.text());
    InterceptingBackend::download(host, from);
  }
  void synchronize() override {
    lines_.push_back("synchronize");
    InterceptingBackend::synchronize();
  }
  void begin_side() override {
    lines_.push_back("begin_side");
    InterceptingBackend::begin_side();
  }
  void end_side() override {
    lines_.push_back("end_side");
    InterceptingBackend::end_side();
  }
  void join_side() override {
    lines_.push_back("join_side");
    InterceptingBackend::join_side();
  }

 private:
  void intercept(const Call& call) override {
    lines_.push_back(call.text());
    call.run_on(inner());
  }

  std::vector<std::string> lines_;
};

}  // namespace dgsam
