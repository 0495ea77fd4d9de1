// What a fuzz target may end with: nothing, or Error. Everything else, a crash and a leak among them, is a finding.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "engine/core/check.h"

/// One input; libFuzzer's entry point. Each target defines it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace dgsam {

inline std::string_view as_text(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// Runs a reader on bad input: an Error is what it should throw.
template <class Reader>
void expect_error_at_most(const Reader& reader) {
  try {
    reader();
  } catch (const Error&) {
  }
}

}  // namespace dgsam
