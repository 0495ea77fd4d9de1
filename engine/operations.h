// The operations of operations.def by number and by name.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace dgsam {

enum class Operation : std::uint8_t {
#define OPERATION(name, parameters, ...) name,
#include "engine/operations.def"
};

inline constexpr std::array kOperationNames = std::to_array<std::string_view>({
#define OPERATION(name, parameters, ...) #name,
#include "engine/operations.def"
});

constexpr std::string_view name_of(Operation operation) { return kOperationNames[static_cast<std::size_t>(operation)]; }

}  // namespace dgsam
