// base64 (RFC 4648), for images inside HTML and SVG.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace dgsam {

std::string base64(std::span<const std::uint8_t> bytes);

}  // namespace dgsam
