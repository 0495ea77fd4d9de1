// Libraries that fail: whatever status any of their calls returns, and whatever becomes of their work on the device, a
// run goes on by another way, with the bits of that way, or ends with a message that says what failed.
#include <doctest/doctest.h>

#include <cmath>

#include "engine/cuda/library/cuda_backend.h"
#include "tests/cuda/network_training.h"
#include "tests/temporary_folder.h"

using namespace dgsam;
using emulated::Failures;

namespace {

/// Two convolutions each way, a linear layer and masks, as small as they get.
NetworkTraining small_training(Backend& backend) {
  NetworkOptions options{.batch = 1, .image_size = 8, .activation = DType::bf16};
  options.adapt_to(backend);
  const ResNetSpec spec{.block = ResNetSpec::Block::bottleneck, .blocks = {1}, .planes = {8}, .stem = 8};
  return {backend, "erm", spec, options, 1e-2};
}

struct Outcome {
  std::string error;  ///< empty: the steps were taken
  Vector theta;
};

/// Three steps, the second of which is recorded, with `failures` from the backend's making on.
Outcome train(const Failures& failures, const std::string& plans = "none", bool measure = false) {
  emulated::failures() = failures;
  Outcome outcome;
  try {
    CudaBackend cuda({.measure = measure, .plan_cache = plans});
    NetworkTraining training = small_training(cuda);
    for (int step = 0; step < 3; ++step) training.step();
    outcome.theta = read(cuda, training.theta);
  } catch (const Error& error) {
    outcome.error = error.what();
  }
  return outcome;
}

/// Another way rounds otherwise, and Adam, which moves every parameter by 0.01 a step, makes much of the smallest
/// gradients' signs: nearly all parameters must be where they were within a fifth of one such move. With wrong
/// gradients about half are not.
bool close(const Vector& a, const Vector& b) {
  if (a.size() != b.size()) return false;
  std::size_t apart = 0;
  for (std::size_t i = 0; i < a.size(); ++i) apart += !(std::abs(a[i] - b[i]) <= 2e-3);
  if (10 * apart > a.size()) MESSAGE(apart << " of " << a.size() << " parameters are apart");
  return 10 * apart <= a.size();
}

/// Whether the message names the library's call or the way that failed.
bool is_clear(const std::string& error) {
  return error.find("cuBLASLt") != std::string::npos || error.find("cuDNN") != std::string::npos ||
         error.find("cublaslt:") != std::string::npos || error.find("cudnn:") != std::string::npos;
}

}  // namespace

TEST_CASE("a step goes on, or ends with a clear message, whichever call of a library fails") {
  const Outcome whole = train({});
  REQUIRE(whole.error.empty());
  const std::int64_t calls = emulated::failures().calls;
  REQUIRE(calls > 500);
  std::int64_t ended = 0;
  std::map<std::string, int> failed;
  // Most calls set one object's attributes one after the other; every 37th call meets each kind of them.
  for (std::int64_t call = 0; call < calls; call += 37) {
    CAPTURE(call);
    const int status = call % 2 == 0 ? CUBLAS_STATUS_INVALID_VALUE : CUBLAS_STATUS_NOT_SUPPORTED;
    const Outcome seen = train({.failing = call, .status = status});
    CAPTURE(emulated::failures().failed_call);
    ++failed[emulated::failures().failed_call];
    if (!seen.error.empty()) {
      CAPTURE(seen.error);
      CHECK(is_clear(seen.error));
      ++ended;
    } else {
      CHECK(close(seen.theta, whole.theta));
    }
  }
  CHECK(failed.size() > 5);
  MESSAGE(calls << " calls, " << ended << " ended the run");
  emulated::failures() = {};
}
