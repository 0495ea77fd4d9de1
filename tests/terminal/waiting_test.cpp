#include "tools/terminal/waiting.h"

#include <doctest/doctest.h>

#include <string_view>

namespace dgsam {

TEST_CASE("waiting: threads are told to wait without spinning, unless the user has chosen") {
  const auto variables = waiting_variables([](const char*) { return false; });
  REQUIRE(variables.size() == 2);
  CHECK(variables[0].first == "GOMP_SPINCOUNT");
  CHECK(waiting_variables([](const char* name) { return std::string_view(name) == "OMP_WAIT_POLICY"; }).empty());
  // What it sets itself is a choice, too: the second start goes on.
  CHECK(waiting_variables([](const char* name) { return std::string_view(name) == "GOMP_SPINCOUNT"; }).empty());
}

}  // namespace dgsam
