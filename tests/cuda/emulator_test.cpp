// The emulator runs right kernels right and catches wrong ones.
#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "engine/cuda/launch.h"
#include "engine/cuda/shared.h"

namespace dgsam::test {
namespace {

using emulated::InOrder;
using emulated::Order;

/// The text of the Error that the launch ends with; empty if it ends well.
template <class... Parameters, class... Arguments>
std::string launch_error(dim3 grid, dim3 block, std::size_t shared, void (*kernel)(Parameters...),
                         Arguments... arguments) {
  try {
    launch({"tested", nullptr, grid, block, shared}, kernel, arguments...);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

__global__ void record_indices(int* at) {
  const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  const unsigned thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
  at[block * blockDim.x * blockDim.y * blockDim.z + thread] += static_cast<int>(block * 1000 + thread);
}

__global__ void record_order(std::vector<unsigned>* order) { order->push_back(blockIdx.x * 100 + threadIdx.x); }

/// to[i] = from[n-1-i] by way of shared memory; without its barrier some threads read what nobody has written.
__global__ void reverse_block(const float* from, float* to, bool barrier) {
  float* const memory = shared_memory<float>();
  memory[threadIdx.x] = from[threadIdx.x];
  if (barrier) __syncthreads();
  to[threadIdx.x] = memory[blockDim.x - 1 - threadIdx.x];
}

__global__ void sum_in_two_ways(const double* x, double* sums) {
  const double of_warp = warp_sum(x[threadIdx.x]), of_block = block_sum(x[threadIdx.x]);
  if (threadIdx.x % 32 == 0) sums[1 + threadIdx.x / 32] = of_warp;
  if (threadIdx.x == 0) sums[0] = of_block;
}

__global__ void vote(unsigned* out) {
  const int odd = threadIdx.x % 2, lane = threadIdx.x % 32;
  out[0] = __ballot_sync(~0u, odd);
  out[1] = __any_sync(~0u, lane == 5) && !__any_sync(~0u, lane == 32);
  out[2] = __all_sync(~0u, lane < 32) && !__all_sync(~0u, lane < 31);
  out[3] = static_cast<unsigned>(__syncthreads_count(odd));
  out[4] = __syncthreads_or(threadIdx.x == 7) && !__syncthreads_or(0);
  out[5] = __syncthreads_and(1) && !__syncthreads_and(threadIdx.x != 7);
  out[6] = __shfl_sync(~0u, threadIdx.x, 9);
  const unsigned down = __shfl_down_sync(~0u, threadIdx.x, 30u);
  if (lane == 1) out[7] = down;
  if (lane == 2) out[8] = down;  // beyond the warp: its own
  if (lane < 16) out[9] = __ballot_sync(0xffffu, 1);
}

__global__ void barrier_in_a_branch(bool everywhere) {
  if (everywhere || threadIdx.x < 20) __syncthreads();
  if (warp_sum(1) != 32) __syncthreads();
}
__global__ void two_barriers() {
  if (threadIdx.x < 32) {
    __syncthreads();
  } else {
    __syncthreads();
  }
}
__global__ void early_leaver() {
  if (threadIdx.x == 3) return;
  __syncthreads();  // those who have left are not waited for
}
__global__ void shuffle_in_a_branch(int* out) {
  if (threadIdx.x < 16) out[threadIdx.x] = __shfl_xor_sync(~0u, static_cast<int>(threadIdx.x), 1);
}
__global__ void shuffle_in_both_branches(int* out) {
  const int x = static_cast<int>(threadIdx.x);
  out[x] = x % 2 ? __shfl_sync(~0u, x, 0) : __shfl_xor_sync(~0u, x, 1);
}
__global__ void shuffle_from_outside(int* out) {
  const int x = static_cast<int>(threadIdx.x);
  if (x < 16) out[x] = __shfl_sync(0xffffu, x, 20);
}
__global__ void write_shared(std::size_t at) { shared_memory<unsigned char>()[at] = 1; }
__global__ void read_shared(double* out) { out[blockIdx.x] = shared_memory<double>()[1]; }
__global__ void write_global(float* x, int at) { x[at] = 1; }

/// Whether body() ends its process otherwise than by returning.
template <class Body>
bool dies(const Body& body) {
  const pid_t child = fork();
  if (child == 0) {
    fclose(stderr);
    body();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kAddressSanitizer = true;
#else
constexpr bool kAddressSanitizer = false;
#endif

}  // namespace

TEST_CASE("every thread of every block runs once and knows its place") {
  std::vector<int> at(2 * 3 * 2 * 60), expected(at.size());
  launch({"record_indices", nullptr, {2, 3, 2}, {5, 4, 3}}, record_indices, at.data());
  for (std::size_t i = 0; i < at.size(); ++i) expected[i] = static_cast<int>(i / 60 * 1000 + i % 60);
  CHECK(at == expected);
}

TEST_CASE("blocks and threads take turns forwards, backwards, or shuffled anew at every launch") {
  const auto order_of = [](Order order) {
    const InOrder scope(order);
    std::vector<unsigned> found;
    launch({"record_order", nullptr, 3, 4}, record_order, &found);
    return found;
  };
  const std::vector<unsigned> forward{0, 1, 2, 3, 100, 101, 102, 103, 200, 201, 202, 203};
  CHECK(order_of(Order::forward) == forward);
  CHECK(order_of(Order::reversed) == std::vector<unsigned>(forward.rbegin(), forward.rend()));
  const auto once = order_of(Order::shuffled), again = order_of(Order::shuffled);
  CHECK(once != again);
  CHECK(std::set<unsigned>(once.begin(), once.end()) == std::set<unsigned>(forward.begin(), forward.end()));
}

TEST_CASE("a missing barrier shows, in every order of threads") {
  std::vector<float> from(96), to(96), expected(96);
  for (std::size_t i = 0; i < 96; ++i) from[i] = expected[95 - i] = static_cast<float>(i);
  for (const Order order : {Order::forward, Order::reversed, Order::shuffled}) {
    const InOrder scope(order);
    launch({"reverse_block", nullptr, 1, 96, 96 * sizeof(float)}, reverse_block, from.data(), to.data(), true);
    CHECK(to == expected);
    launch({"reverse_block", nullptr, 1, 96, 96 * sizeof(float)}, reverse_block, from.data(), to.data(), false);
    CHECK(std::count_if(to.begin(), to.end(), [](float value) { return std::isnan(value); }) > 0);
  }
}

TEST_CASE("warp and block sums are right and the same in every order") {
  std::vector<double> x(256), first(9), sums(9);
  double sum = 0;
  for (std::size_t i = 0; i < 256; ++i) sum += x[i] = std::sin(static_cast<double>(i));
  for (const Order order : {Order::forward, Order::reversed, Order::shuffled}) {
    const InOrder scope(order);
    launch({"sum_in_two_ways", nullptr, 1, 256, 8 * sizeof(double)}, sum_in_two_ways, x.data(), sums.data());
    CHECK(sums[0] == doctest::Approx(sum));
    CHECK(sums[1] + sums[2] + sums[3] + sums[4] + sums[5] + sums[6] + sums[7] + sums[8] == doctest::Approx(sum));
    if (order == Order::forward) first = sums;
    CHECK(sums == first);
  }
}

TEST_CASE("votes and shuffles give what CUDA's manual says") {
  std::vector<unsigned> out(10);
  launch({"vote", nullptr, 1, 32}, vote, out.data());
  CHECK(out == std::vector<unsigned>{0xaaaaaaaau, 1, 1, 16, 1, 1, 9, 31, 2, 0xffffu});
}

TEST_CASE("a barrier that some threads do not reach fails with block, thread and line") {
  CHECK(launch_error(2, 64, 0, barrier_in_a_branch, true) == "");
  const std::string error = launch_error(2, 64, 0, barrier_in_a_branch, false);
  CHECK(error.find("CUDA: kernel tested, grid 2x1x1, block 64x1x1, 0 bytes of shared memory: block (") == 0);
  CHECK(error.find("thread (20, 0, 0) waits in the warp operation of shared.h:") != std::string::npos);
  CHECK(error.find("waits at the barrier of emulator_test.cpp:") != std::string::npos);
  CHECK(error.find("(cudaErrorLaunchFailure)") != std::string::npos);
  CHECK(launch_error(1, 64, 0, two_barriers).find("thread (0, 0, 0) waits at the barrier of emulator_test.cpp:") !=
        std::string::npos);
  CHECK(launch_error(1, 64, 0, early_leaver) == "");
}

TEST_CASE("a shuffle that not all lanes of its mask come to fails") {
  std::vector<int> out(32);
  CHECK(launch_error(1, 32, 0, shuffle_in_a_branch, out.data()).find("but thread (16, 0, 0) has left") !=
        std::string::npos);
  CHECK(launch_error(1, 20, 0, shuffle_in_a_branch, out.data()) != "");
  CHECK(
      launch_error(1, 32, 0, shuffle_in_both_branches, out.data()).find("thread (0, 0, 0) waits in the warp operati") !=
      std::string::npos);
  CHECK(launch_error(1, 32, 0, shuffle_from_outside, out.data()).find("lane 20, which is not in the mask") !=
        std::string::npos);
  launch({"vote", nullptr, 1, 32}, vote, std::vector<unsigned>(10).data());  // and the next kernel runs
}

TEST_CASE("shared memory is undefined at the start of every block and ends where the launch says") {
  std::vector<double> out(3);
  launch({"read_shared", nullptr, 3, 1, 16}, read_shared, out.data());
  for (const double value : out) CHECK(std::isnan(value));
  CHECK(launch_error(1, 1, 100, write_shared, std::size_t{99}) == "");
  if (kAddressSanitizer) {
    CHECK(dies([] { launch({"write_shared", nullptr, 1, 1, 100}, write_shared, std::size_t{100}); }));
  } else {
    CHECK(launch_error(1, 1, 100, write_shared, std::size_t{100}).find("past the 100 bytes of shared memory") !=
          std::string::npos);
  }
}

TEST_CASE("device memory is undefined at first and of the exact size") {
  void* address = nullptr;
  REQUIRE(cudaMalloc(&address, 5 * sizeof(float)) == cudaSuccess);
  CHECK(std::isnan(static_cast<float*>(address)[4]));
  launch({"write_global", nullptr, 1, 1}, write_global, static_cast<float*>(address), 4);
  CHECK(static_cast<float*>(address)[4] == 1);
  if (kAddressSanitizer) {
    CHECK(dies([&] { launch({"write_global", nullptr, 1, 1}, write_global, static_cast<float*>(address), 5); }));
  }
  float host[6] = {};
  CHECK(cudaMemcpyAsync(address, host, sizeof host, cudaMemcpyHostToDevice, nullptr) == cudaErrorInvalidValue);
  CHECK(cudaFree(address) == cudaSuccess);
  CHECK(cudaFree(address) == cudaErrorInvalidValue);
}

TEST_CASE("a launch that no GPU takes is refused") {
  for (const auto& [grid, block, shared] :
       {std::tuple<dim3, dim3, std::size_t>{0, 32, 0}, {1, 1025, 0}, {1, 0, 0}, {{1, 65536}, 32, 0}, {1, 32, 50000}}) {
    CHECK(launch_error(grid, block, shared, early_leaver).find("invalid configuration argument") != std::string::npos);
  }
}

}  // namespace dgsam::test
