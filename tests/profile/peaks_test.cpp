#include "tools/profile/peaks.h"

#include <doctest/doctest.h>

#include "engine/core/check.h"

namespace dgsam {

TEST_CASE("every peak is measured, on the number of threads asked for") {
  const MachinePeaks peaks = measure_peaks(2);
  CHECK(peaks.threads == 2);
  CHECK(peaks.f32_gflops > 0);
  CHECK(peaks.f64_gflops > 0);
  CHECK(peaks.copy_gbs > 0);
  CHECK(peaks.bf16_gflops >= 0);
}

TEST_CASE("peaks of no threads are refused") { CHECK_THROWS_AS(measure_peaks(0), Error); }

}  // namespace dgsam
