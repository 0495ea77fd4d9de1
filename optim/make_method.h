// From a method's name and settings to the method.
#pragma once

#include <memory>
#include <string>

#include "optim/dgsam_ablations.h"
#include "optim/method.h"

namespace dgsam {

struct MethodOptions {
  std::string name = "dgsam";  ///< "erm", "sam", "gsam", "sagm" or "dgsam"
  double rho = 0.05;           ///< length of the ascent step, or of each of DGSAM's S
  DgsamGradients gradients = DgsamGradients::all;
  DgsamScale scale = DgsamScale::sum;
  DomainOrder order;          ///< of DGSAM's ascent: random_order() or fixed_order()
  double gsam_alpha = 0.2;    ///< default of the authors' PyTorch example
  double sagm_alpha = 0.001;  ///< the authors' choice for PACS, VLCS and TerraIncognita; 0.0005 for the others
};

/// Throws Error for an unknown name, a negative rho or alpha, or DGSAM without an order.
std::unique_ptr<Method> make_method(Backend& backend, BaseOptimizer& base, const FlatVector& theta, int domains,
                                    const MethodOptions& options);

}  // namespace dgsam
