#include "optim/make_method.h"

#include <cmath>

#include "engine/core/check.h"
#include "optim/dgsam.h"
#include "optim/disam.h"
#include "optim/erm.h"
#include "optim/gga_l.h"
#include "optim/gsam.h"
#include "optim/sagm.h"
#include "optim/sam.h"

namespace dgsam {

bool has_ascent(std::string_view method) { return method != "erm" && method != "gga-l"; }

bool takes_single_domains(std::string_view method) {
  return method == "disam" || method == "gga-l" || method == "dgsam";
}

std::unique_ptr<Method> make_method(Backend& backend, BaseOptimizer& base, const FlatVector& theta, int domains,
                                    const MethodOptions& options) {
  const auto require_size = [](const char* flag, double value) {
    require(value >= 0 && std::isfinite(value), flag, " must be 0 or more, not ", value);
  };
  require_size("--rho", options.rho);
  require_size("--gsam-alpha", options.gsam_alpha);
  require_size("--sagm-alpha", options.sagm_alpha);
  require_size("--disam-lambda", options.disam_lambda);
  require_size("--gga-gamma", options.gga_gamma);
  require(!options.adaptive || options.name == "sam" || options.name == "dgsam",
          "--adaptive on goes with --algorithm sam or dgsam, not ", options.name);
  if (options.name == "erm") return std::make_unique<Erm>(backend, base, theta, domains);
  if (options.name == "sam") {
    return std::make_unique<Sam>(backend, base, theta, domains, options.rho, options.adaptive);
  }
  if (options.name == "gsam") {
    return std::make_unique<Gsam>(backend, base, theta, domains, options.rho, options.gsam_alpha);
  }
  if (options.name == "sagm") {
    return std::make_unique<Sagm>(backend, base, theta, domains, options.rho, options.sagm_alpha);
  }
  if (options.name == "disam") {
    return std::make_unique<Disam>(backend, base, theta, domains, options.rho, options.disam_lambda);
  }
  if (options.name == "gga-l") {
    return std::make_unique<GgaL>(backend, base, theta, domains, options.gga_gamma, options.seed);
  }
  require(options.name == "dgsam", "--algorithm must be erm, sam, gsam, sagm, disam, gga-l or dgsam, not '",
          options.name, "'");
  if (options.gradients == DgsamGradients::all && options.scale == DgsamScale::sum) {
    return std::make_unique<Dgsam>(backend, base, theta, domains, options.rho, options.order, options.adaptive);
  }
  return std::make_unique<AblatedDgsam>(backend, base, theta, domains, options.rho, options.order, options.gradients,
                                        options.scale, options.adaptive);
}

}  // namespace dgsam
