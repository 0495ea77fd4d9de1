#include <sstream>

#include "engine/cuda/library/conv_algorithm.h"

namespace dgsam {

std::string ConvProblem::text() const {
  constexpr const char* kNames[] = {"forward", "data_grad", "weight_grad", "data_grad_relu"};
  std::ostringstream text;
  text << kNames[static_cast<int>(op)] << " x " << x << " w " << w << " y " << y << " stride " << spec.stride
       << " padding " << spec.padding;
  if (bias) text << " bias";
  if (residual) text << " residual";
  if (spec.relu) text << " relu";
  if (mask) text << " mask";
  if (narrow) text << " narrow";
  if (tf32) text << " tf32";
  return text.str();
}

}  // namespace dgsam
