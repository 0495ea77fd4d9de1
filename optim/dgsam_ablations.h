// The choices in DGSAM that a reader asks to see ablated: which gradients descend, and how large their sum is.
#pragma once

#include <cstdint>

#include "optim/ascent.h"
#include "optim/method.h"

namespace dgsam {

/// Which gradients DGSAM descends with. g_1..g_S are those of the ascent, g_{S+1} is the first domain's at the end of
/// it.
enum class DgsamGradients : std::uint8_t {
  all,        ///< g_1..g_{S+1}, divided by S+1
  perturbed,  ///< g_2..g_{S+1}, divided by S: without the one at θ
  fresh,      ///< S new ones at the end of the ascent, divided by S: no reuse, 2S gradients per step
};

/// The size of DGSAM's descent gradient: that of a sum of S domain losses or that of their mean.
enum class DgsamScale : std::uint8_t { sum, mean };

/// DGSAM with other choices. With `all` and `sum` it takes Dgsam's steps, to the bit.
class AblatedDgsam : public Method {
 public:
  AblatedDgsam(Backend& backend, BaseOptimizer& base, const FlatVector& theta, int domains, double rho,
               DomainOrder order, DgsamGradients gradients, DgsamScale scale, bool adaptive = false);
  std::string name() const override { return "dgsam"; }
  int domain_gradients() const override { return passes_; }

 protected:
  void run(FlatVector& theta, Gradient& gradient) override;

 private:
  Ascent ascent_;
  int passes_;            ///< S+1, or 2S without reuse
  int first_descending_;  ///< gradients from this pass on descend; passes count from 1
  double scale_;          ///< of their sum
  FlatVector g_;
  FlatVector d_;
  FlatVector perturbed_;
};

}  // namespace dgsam
