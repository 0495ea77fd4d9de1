#include <doctest/doctest.h>

#include "engine/gradcheck/gradcheck.h"
#include "tests/device/device_options.h"

using namespace dgsam;

TEST_CASE("every gradient on the device agrees with finite differences in double") {
  const auto cuda = make_backend("cuda", device_options());
  const std::vector<GradcheckRow> rows = gradcheck(*cuda);
  CHECK(rows.size() > 20);
  for (const GradcheckRow& row : rows) {
    CAPTURE(row.op);
    CAPTURE(row.case_name);
    CAPTURE(row.worst_at);
    CHECK(passed(row));
  }
}
