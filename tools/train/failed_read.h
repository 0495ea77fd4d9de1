// Images that cannot be read any more, between two steps: what was learnt so far is whole.
#pragma once

#include <utility>

#include "engine/core/check.h"

namespace dgsam {

class FailedRead : public Error {
 public:
  using Error::Error;
};

/// What `read` returns; its Errors as FailedRead.
template <class Read>
decltype(auto) reading(Read&& read) {
  try {
    return std::forward<Read>(read)();
  } catch (const Error& error) {
    throw FailedRead(error.what());
  }
}

}  // namespace dgsam
