// Replaying a program allocates nothing: neither on the device nor, with our own loops, in C++ on the host.
#include <doctest/doctest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "engine/cpu/cpu_backend.h"
#include "tests/graph/graph_support.h"

using namespace dgsam;
using namespace dgsam::testing;

namespace {

std::atomic<std::int64_t> host_allocations{0};

// Not inlined, or GCC sees malloc() meet `delete` and warns.
[[gnu::noinline]] void* counted(std::size_t bytes) {
  ++host_allocations;
  return std::malloc(bytes ? bytes : 1);
}

}  // namespace

// This test program's operator new, to count. The array forms call these. Those of delete are not inlined: GCC would
// see free() after operator new and warn of a mismatch.
void* operator new(std::size_t bytes) {
  if (void* const address = counted(bytes)) return address;
  throw std::bad_alloc();
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept { return counted(bytes); }
[[gnu::noinline]] void operator delete(void* address) noexcept { std::free(address); }
[[gnu::noinline]] void operator delete(void* address, std::size_t) noexcept { std::free(address); }

TEST_CASE("replay: after the first run a program allocates nothing, on the device or on the host") {
  CpuBackend backend({.threads = 2});
  for (const Norm norm : {Norm::folded, Norm::batch}) {
    const Net net = trained_net(DType::f32, norm);
    Session session(backend, net.graph);
    session.run();
    const Bindings bindings = session.bindings();
    const std::int64_t host = host_allocations, device = backend.allocations();
    for (int run = 0; run < 3; ++run) session.program.run(bindings);
    const std::int64_t new_on_host = host_allocations - host;
    CHECK(new_on_host == 0);
    CHECK(backend.allocations() == device);
  }
}

TEST_CASE("replay: with oneDNN a program allocates nothing on the device after the first run") {
  const auto backend = make_backend("cpu", {.threads = 2});
  auto& counters = dynamic_cast<CpuBackend&>(*backend);
  const Net net = trained_net(DType::f32, Norm::folded);
  Session session(*backend, net.graph);
  session.run();
  const std::int64_t device = counters.allocations();
  for (int run = 0; run < 3; ++run) session.run();
  CHECK(counters.allocations() == device);
}

TEST_CASE("replay: the counters count") {
  CpuBackend backend({.threads = 1});
  const std::int64_t host = host_allocations, device = backend.allocations();
  const auto number = std::make_unique<int>(1);
  const Buffer buffer(backend, 64);
  CHECK(host_allocations > host);
  CHECK(backend.allocations() == device + 1);
}
