// From a method's name and settings to the method.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "optim/dgsam_ablations.h"
#include "optim/method.h"

namespace dgsam {

/// The names of the methods: ERM, SAM and its kin, GGA-L, DGSAM. Tables have them in this order.
inline constexpr std::array kMethods{"erm", "sam", "gsam", "sagm", "disam", "gga-l", "dgsam"};

/// Whether a method perturbs, so that MethodOptions::rho means something to it.
bool has_ascent(std::string_view method);
/// Whether a method asks for gradients of single domains' batches. With batch statistics such a pass normalises by its
/// domain's alone.
bool takes_single_domains(std::string_view method);

struct MethodOptions {
  std::string name = "dgsam";  ///< a word of kMethods
  double rho = 0.05;           ///< length of the ascent step, or of each of DGSAM's S
  DgsamGradients gradients = DgsamGradients::all;
  DgsamScale scale = DgsamScale::sum;
  DomainOrder order;          ///< of DGSAM's ascent: random_order() or fixed_order()
  double gsam_alpha = 0.2;    ///< default of the authors' PyTorch example
  double sagm_alpha = 0.001;  ///< the authors' choice for PACS, VLCS and TerraIncognita; 0.0005 for the others
  bool adaptive = false;      ///< SAM's and DGSAM's ascent in units of the parameters' sizes, as ASAM
  double disam_lambda = 0.1;  ///< the authors'
  double gga_gamma = 0.001;   ///< the authors' default
  std::uint64_t seed = 0;     ///< of GGA-L's noise
};

/// Throws Error for an unknown name, a negative number, an adaptive ascent of a method that has none, DGSAM without an
/// order, or GGA-L with one domain.
std::unique_ptr<Method> make_method(Backend& backend, BaseOptimizer& base, const FlatVector& theta, int domains,
                                    const MethodOptions& options);

}  // namespace dgsam
