// IEEE half precision, as files hold it. Nothing is computed in it.
#pragma once

#include <cstdint>

namespace dgsam {

/// The value of a half, exactly. Subnormals, infinities and NaN included.
float half_to_float(std::uint16_t bits);
/// The nearest half, ties to even; overflow becomes infinity, NaN stays NaN (quiet).
std::uint16_t float_to_half(float value);

}  // namespace dgsam
