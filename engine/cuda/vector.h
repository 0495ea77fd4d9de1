// Several neighbouring elements moved as one 128-bit word.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/core/host_device.h"

namespace dgsam {

inline constexpr std::size_t kWordBytes = 16;

/// kLanes elements; a word, or several, or part of one.
template <class T, int kLanes>
struct alignas(sizeof(T) * kLanes < kWordBytes ? sizeof(T) * kLanes : kWordBytes) Vector {
  T lane[kLanes];
};

/// How many elements of T make a word.
template <class T>
inline constexpr int kWordLanes = static_cast<int>(kWordBytes / sizeof(T));

/// For addresses that are multiples of the vector's size, up to a word.
template <int kLanes, class T>
DGSAM_HOST_DEVICE Vector<T, kLanes> load(const T* from) {
  return *reinterpret_cast<const Vector<T, kLanes>*>(from);
}
template <class T, int kLanes>
DGSAM_HOST_DEVICE void store(T* to, const Vector<T, kLanes>& vector) {
  *reinterpret_cast<Vector<T, kLanes>*>(to) = vector;
}

/// True when all addresses (null ones included) are multiples of a word.
template <class... Pointers>
bool words_at(const Pointers*... addresses) {
  return ((reinterpret_cast<std::uintptr_t>(addresses) % kWordBytes == 0) && ...);
}

}  // namespace dgsam
