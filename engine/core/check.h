// The one error type of the project and the two ways to raise it.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace dgsam {

/// What every failure a user can cause is thrown as. The text stands alone: it names the file or flag, the
/// value, and the remedy, because dgsam-run prints it as one line and exits with 1.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Throws Error with its arguments written one after another (anything that streams).
template <class... Parts>
[[noreturn]] void fail(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  throw Error(text.str());
}

/// fail(parts...) unless `condition` holds. The parts are formatted only on failure.
template <class... Parts>
void require(bool condition, const Parts&... parts) {
  if (!condition) [[unlikely]]
    fail(parts...);
}

}  // namespace dgsam
