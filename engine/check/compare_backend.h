// A backend that checks another one at work: every operation runs on the inner backend and, with copies of the same
// operands, on a reference; the results are compared. Whatever runs on it - a whole training step - is a test of every
// call at its real shape. Slow: each operand is copied to the reference, each result back.
#pragma once

#include <map>

#include "engine/check/intercept.h"

namespace dgsam {

class CompareBackend final : public InterceptingBackend {
 public:
  /// Both must outlive this one. `tf32`: the inner backend may round f32 operands of convolutions and matrix products
  /// to TF32.
  CompareBackend(Backend& inner, Backend& reference, bool tf32 = false)
      : InterceptingBackend(inner), reference_(reference), tf32_(tf32) {}

  /// The worst result of one operation.
  struct Worst {
    std::int64_t calls = 0;
    double error = 0;      ///< max |inner - reference| / max |reference|
    double tolerance = 0;  ///< what was allowed there: see tolerance_of(), and the type that the operands were
                           ///< rounded to on the way
    std::string call;      ///< Call::text() of it

    bool passed() const { return error <= tolerance; }
  };
  /// Nothing: every call of every step is to be compared. Nor does anything run beside anything.
  std::unique_ptr<Recording> record(const std::function<void()>&) override { return nullptr; }
  bool is_asynchronous() const override { return false; }
  void begin_side() override {}
  void end_side() override {}
  void join_side() override {}

  const std::map<std::string, Worst, std::less<>>& worst() const { return worst_; }
  /// Whether every result so far was within its tolerance.
  bool passed() const;
  /// A table with one line per operation.
  std::string report() const;

  /// Four roundings to `dtype`, and four times the roundings of a sum of `terms` terms in its master type, which grow
  /// like the square root of their number; 0 for integers. `terms` is bounded by the largest operand of the call.
  static double tolerance_of(DType dtype, std::int64_t terms);

 private:
  void intercept(const Call& call) override;

  double tolerance_of(const Call& call, ConstTensor result, std::int64_t terms) const;

  Backend& reference_;
  bool tf32_;
  std::map<std::string, Worst, std::less<>> worst_;
};

}  // namespace dgsam
