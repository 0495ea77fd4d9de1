// A backend that writes down what it is asked to do: tests pin the sequence of operations of a step as text.
#pragma once

#include "engine/check/intercept.h"

namespace dgsam {

class TraceBackend final : public InterceptingBackend {
 public:
  using InterceptingBackend::InterceptingBackend;

  /// One Call::text() per operation since construction or clear().
  const std::vector<std::string>& lines() const { return lines_; }
  void clear() { lines_.clear(); }

 private:
  void intercept(const Call& call) override {
    lines_.push_back(call.text());
    call.run_on(inner());
  }

  std::vector<std::string> lines_;
};

}  // namespace dgsam
