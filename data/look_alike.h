// Names that a reader cannot tell apart.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace dgsam {

/// A name with its letters beyond ASCII as \uXXXX. Bytes that are no UTF-8 are written as \xXX.
std::string spelled_out(std::string_view name);

/// Whether two names show the same letters and differ in how they are composed: Unicode's NFC has an accent and its
/// letter as one, NFD, which macOS writes, as two.
bool look_alike(std::string_view a, std::string_view b);

/// A clause that spells out `name` and the one of `others` that looks like it, to append to an error; "" without one.
std::string look_alike_note(std::string_view name, const std::vector<std::string>& others);

}  // namespace dgsam
