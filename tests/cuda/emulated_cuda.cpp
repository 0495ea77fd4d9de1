// The threads of a block as fibers.
#include "tests/cuda/emulated_cuda.h"

#include <ucontext.h>

#include <algorithm>
#include <exception>
#include <memory>
#include <numeric>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
constexpr bool kAddressSanitizer = true;
#else
constexpr bool kAddressSanitizer = false;
inline void __asan_poison_memory_region(const void*, std::size_t) {}
inline void __asan_unpoison_memory_region(const void*, std::size_t) {}
inline void __sanitizer_start_switch_fiber(void**, const void*, std::size_t) {}
inline void __sanitizer_finish_switch_fiber(void*, const void**, std::size_t*) {}
#endif

namespace dgsam {
// What shared_memory() returns. It is as large as what a block may have without asking for more, and a guard.
alignas(16) double shared_bytes[(48 << 10) / 8 + 16];
}  // namespace dgsam

namespace emulated {
namespace {

constexpr std::size_t kMostShared = 48 << 10;
constexpr std::size_t kGuard = sizeof dgsam::shared_bytes - kMostShared;
constexpr unsigned char kGuardByte = 0x5a, kUndefined = 0xff;
constexpr std::size_t kStack = kAddressSanitizer ? 256 << 10 : 64 << 10;

/// One execution context with a stack of its own, and the way into and out of it.
struct Fiber {
  std::unique_ptr<unsigned char[]> stack{new unsigned char[kStack]};
  ucontext_t context;
  void* sanitizer = nullptr;

  explicit Fiber(void (*entry)()) {
    getcontext(&context);
    context.uc_stack.ss_sp = stack.get();
    context.uc_stack.ss_size = kStack;
    context.uc_link = nullptr;
    makecontext(&context, entry, 0);
  }
  ~Fiber() { __asan_unpoison_memory_region(stack.get(), kStack); }
};

enum class State { unstarted, ready, at_barrier, in_warp, finished };

struct Thread {
  uint3 index{};
  State state = State::unstarted;
  Where where;             // of what it waits for
  unsigned mask = 0;       // of the warp operation
  std::uint64_t word = 0;  // what it brings; the predicate at a barrier
  int source = 0;          // whose word it wants, or kBallot
  std::uint64_t result = 0;
  Fiber* fiber = nullptr;
};
constexpr int kBallot = -1, kNothing = -2;

struct Fault : std::runtime_error {
  using std::runtime_error::runtime_error;
};

std::string text(const char* what, const uint3& index) {
  return std::string(what) + " (" + std::to_string(index.x) + ", " + std::to_string(index.y) + ", " +
         std::to_string(index.z) + ")";
}
std::string text(const Where& where) {
  const std::string path = where.file_name();
  return path.substr(path.rfind('/') + 1) + ":" + std::to_string(where.line());
}
bool same(const Where& a, const Where& b) {
  return a.line() == b.line() && a.column() == b.column() && std::strcmp(a.file_name(), b.file_name()) == 0;
}

class Block {
 public:
  /// One block after another; throws what goes wrong in one.
  void run(const uint3& block, const dim3& size, std::size_t shared, const std::function<void()>& body,
           const std::vector<int>& order);
  /// After an error: the threads that are under way stay where they are.
  void abandon();
  Thread& current() { return *current_; }
  /// Puts the current thread aside until what it waits for has come.
  void wait(State state, const Where& where);

 private:
  void resume(Fiber& fiber);
  void leave();
  void run_unstarted();
  static void enter();
  bool release_warps();
  bool release_barrier();
  bool releasable(std::size_t first, unsigned mask) const;
  void release(std::size_t first, unsigned mask);
  [[noreturn]] void report_stuck() const;

  std::vector<Thread> threads_;
  std::vector<int> order_;
  std::size_t next_ = 0;  // in order_: the next one to start
  const std::function<void()>* body_ = nullptr;
  Thread* current_ = nullptr;
  Fiber* running_ = nullptr;
  std::exception_ptr error_;
  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<Fiber*> idle_;
  ucontext_t scheduler_;
  void* scheduler_sanitizer_ = nullptr;
  const void* scheduler_stack_ = nullptr;
  std::size_t scheduler_stack_size_ = 0;
};

Block& the_block() {
  static Block block;
  return block;
}

void Block::resume(Fiber& fiber) {
  running_ = &fiber;
  __sanitizer_start_switch_fiber(&scheduler_sanitizer_, fiber.stack.get(), kStack);
  swapcontext(&scheduler_, &fiber.context);
  __sanitizer_finish_switch_fiber(scheduler_sanitizer_, nullptr, nullptr);
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

void Block::abandon() {
  fibers_.clear();
  idle_.clear();
  error_ = nullptr;
}

/// From the running fiber to the scheduler; returns when the fiber is resumed.
void Block::leave() {
  Fiber& fiber = *running_;
  __sanitizer_start_switch_fiber(&fiber.sanitizer, scheduler_stack_, scheduler_stack_size_);
  swapcontext(&fiber.context, &scheduler_);
  __sanitizer_finish_switch_fiber(fiber.sanitizer, &scheduler_stack_, &scheduler_stack_size_);
}

/// The life of a fiber: it runs threads until one has to wait, goes on when that one may, and so on.
void Block::enter() {
  Block& block = the_block();
  __sanitizer_finish_switch_fiber(nullptr, &block.scheduler_stack_, &block.scheduler_stack_size_);
  for (;;) {
    block.run_unstarted();
    block.idle_.push_back(block.running_);
    block.leave();
  }
}

void Block::run_unstarted() {
  while (next_ < order_.size() && !error_) {
    Thread& thread = threads_[static_cast<std::size_t>(order_[next_++])];
    thread.fiber = running_;
    thread.state = State::ready;
    current_ = &thread;
    threadIdx = thread.index;
    try {
      (*body_)();
    } catch (...) {
      error_ = std::current_exception();
    }
    current_->state = State::finished;
  }
}

void Block::wait(State state, const Where& where) {
  Thread& thread = *current_;
  thread.state = state;
  thread.where = where;
  leave();
  current_ = &thread;
  running_ = thread.fiber;
  threadIdx = thread.index;
}

/// All lanes of the mask have come to the same operation.
bool Block::releasable(std::size_t first, unsigned mask) const {
  const Thread* one = nullptr;
  for (std::size_t lane = 0; lane < 32; ++lane) {
    if (!(mask >> lane & 1)) continue;
    if (first + lane >= threads_.size()) return false;
    const Thread& thread = threads_[first + lane];
    if (thread.state != State::in_warp || thread.mask != mask) return false;
    if (one && !same(one->where, thread.where)) return false;
    one = &thread;
  }
  return true;
}

void Block::release(std::size_t first, unsigned mask) {
  std::uint64_t votes = 0;
  for (std::size_t lane = 0; lane < 32; ++lane) {
    if (mask >> lane & 1 && threads_[first + lane].word != 0) votes |= std::uint64_t{1} << lane;
  }
  for (std::size_t lane = 0; lane < 32; ++lane) {
    if (!(mask >> lane & 1)) continue;
    Thread& thread = threads_[first + lane];
    if (thread.source == kBallot) thread.result = votes;
    if (thread.source >= 0) {
      if (!(mask >> thread.source & 1)) {
        throw Fault(text("thread", thread.index) + " takes a value from lane " + std::to_string(thread.source) +
                    ", which is not in the mask, at " + text(thread.where));
      }
      thread.result = threads_[first + static_cast<std::size_t>(thread.source)].word;
    }
    thread.state = State::ready;
  }
}

bool Block::release_warps() {
  bool any = false;
  for (std::size_t i = 0; i < threads_.size(); ++i) {
    const std::size_t first = i / 32 * 32;
    if (threads_[i].state != State::in_warp || !releasable(first, threads_[i].mask)) continue;
    release(first, threads_[i].mask);
    any = true;
  }
  return any;
}

bool Block::release_barrier() {
  Barrier barrier{0, 0};
  const Thread* one = nullptr;
  for (const Thread& thread : threads_) {
    if (thread.state == State::finished) continue;
    if (thread.state != State::at_barrier || (one && !same(one->where, thread.where))) return false;
    one = &thread;
    ++barrier.threads;
    barrier.count += thread.word != 0;
  }
  if (!one) return false;
  for (Thread& thread : threads_) {
    if (thread.state != State::at_barrier) continue;
    thread.result = static_cast<std::uint64_t>(barrier.count) << 32 | static_cast<unsigned>(barrier.threads);
    thread.state = State::ready;
  }
  return true;
}

void Block::report_stuck() const {
  const auto describe = [](const Thread& thread) {
    const std::string who = text("thread", thread.index);
    if (thread.state == State::finished) return who + " has left";
    return who +
           (thread.state == State::at_barrier ? " waits at the barrier of " : " waits in the warp operation of ") +
           text(thread.where);
  };
  const auto stuck =
      std::find_if(threads_.begin(), threads_.end(), [](const Thread& t) { return t.state == State::in_warp; });
  if (stuck == threads_.end()) {  // barriers only, and not the same one
    const auto one =
        std::find_if(threads_.begin(), threads_.end(), [](const Thread& t) { return t.state == State::at_barrier; });
    const auto other = std::find_if(one, threads_.end(), [&](const Thread& t) {
      return t.state == State::at_barrier && !same(t.where, one->where);
    });
    throw Fault(describe(*one) + ", but " + describe(*other));
  }
  const auto first = static_cast<std::size_t>(stuck - threads_.begin()) / 32 * 32;
  for (std::size_t lane = 0; lane < 32; ++lane) {
    if (!(stuck->mask >> lane & 1)) continue;
    if (first + lane >= threads_.size()) {
      throw Fault(describe(*stuck) + " for lane " + std::to_string(lane) + ", which the block does not have");
    }
    const Thread& other = threads_[first + lane];
    if (other.state != State::in_warp || other.mask != stuck->mask || !same(other.where, stuck->where)) {
      throw Fault(describe(*stuck) + ", but " + describe(other) +
                  (other.state == State::in_warp && other.mask != stuck->mask ? " with another mask" : ""));
    }
  }
  throw Fault(describe(*stuck));
}

void Block::run(const uint3& block, const dim3& size, std::size_t shared, const std::function<void()>& body,
                const std::vector<int>& order) {
  auto* const memory = reinterpret_cast<unsigned char*>(dgsam::shared_bytes);
  __asan_unpoison_memory_region(memory, sizeof dgsam::shared_bytes);
  std::memset(memory, kUndefined, shared);
  std::memset(memory + shared, kGuardByte, kGuard);
  __asan_poison_memory_region(memory + shared, sizeof dgsam::shared_bytes - shared);

  threads_.assign(order.size(), {});
  for (std::size_t i = 0; i < threads_.size(); ++i) {
    const auto linear = static_cast<unsigned>(i);
    threads_[i].index = {linear % size.x, linear / size.x % size.y, linear / size.x / size.y};
  }
  order_ = order;
  next_ = 0;
  body_ = &body;
  blockIdx = block;
  for (bool progress = true; progress;) {
    while (next_ < order_.size()) {
      if (idle_.empty()) idle_.push_back(fibers_.emplace_back(std::make_unique<Fiber>(&Block::enter)).get());
      Fiber& fiber = *idle_.back();
      idle_.pop_back();
      resume(fiber);
    }
    for (const int i : order_) {
      Thread& thread = threads_[static_cast<std::size_t>(i)];
      if (thread.state == State::ready) resume(*thread.fiber);
    }
    progress = release_warps() || release_barrier();
  }
  __asan_unpoison_memory_region(memory, sizeof dgsam::shared_bytes);
  for (const Thread& thread : threads_) {
    if (thread.state != State::finished) report_stuck();
  }
  if (std::any_of(memory + shared, memory + shared + kGuard, [](unsigned char byte) { return byte != kGuardByte; })) {
    throw Fault("a thread writes past the " + std::to_string(shared) + " bytes of shared memory of the launch");
  }
}

/// 0 .. count-1 in the order of the device.
std::vector<int> turns(int count, std::mt19937& random) {
  std::vector<int> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  if (device().order == Order::reversed) std::reverse(order.begin(), order.end());
  if (device().order == Order::shuffled) std::shuffle(order.begin(), order.end(), random);
  return order;
}

}  // namespace

cudaError_t run(const cudaLaunchConfig_t& config, const std::function<void()>& thread_body) {
  const dim3 &grid = config.gridDim, &block = config.blockDim;
  const std::uint64_t threads = std::uint64_t{block.x} * block.y * block.z;
  if (threads == 0 || threads > 1024 || block.z > 64 || std::uint64_t{grid.x} * grid.y * grid.z == 0 ||
      grid.x > 0x7fffffffu || grid.y > 65535 || grid.z > 65535 || config.dynamicSmemBytes > kMostShared) {
    return failed(cudaErrorInvalidConfiguration, "invalid configuration argument");
  }
  ++device().launches;
  device().nanoseconds += static_cast<std::int64_t>(1000 + threads * grid.x * grid.y * grid.z);
  std::mt19937 random(device().seed++);
  gridDim = grid;
  blockDim = block;
  for (const int i : turns(static_cast<int>(grid.x * grid.y * grid.z), random)) {
    const auto linear = static_cast<unsigned>(i);
    const uint3 index{linear % grid.x, linear / grid.x % grid.y, linear / grid.x / grid.y};
    try {
      the_block().run(index, block, config.dynamicSmemBytes, thread_body, turns(static_cast<int>(threads), random));
    } catch (const Fault& fault) {
      the_block().abandon();
      return failed(cudaErrorLaunchFailure, text("block", index) + ": " + fault.what());
    }
  }
  return cudaSuccess;
}

Barrier wait_at_barrier(int predicate, const Where& where) {
  Thread& thread = the_block().current();
  thread.word = predicate != 0;
  the_block().wait(State::at_barrier, where);
  return {static_cast<int>(thread.result >> 32), static_cast<int>(thread.result & 0xffffffffu)};
}

namespace {

std::uint64_t warp_operation(unsigned mask, std::uint64_t word, int source, const Where& where) {
  Thread& thread = the_block().current();
  if (!(mask >> lane() & 1)) {
    throw Fault(text("thread", thread.index) + " is not in the mask of its own warp operation at " + text(where));
  }
  thread.mask = mask;
  thread.word = word;
  thread.source = source;
  the_block().wait(State::in_warp, where);
  return thread.result;
}

}  // namespace

void wait_for_warp(unsigned mask, const Where& where) { warp_operation(mask, 0, kNothing, where); }

std::uint64_t exchange(unsigned mask, std::uint64_t word, int source, const Where& where) {
  return warp_operation(mask, word, source >= 0 && source < 32 ? source : lane(), where);
}

unsigned ballot(unsigned mask, int predicate, const Where& where) {
  return static_cast<unsigned>(warp_operation(mask, predicate != 0, kBallot, where));
}

int lane() { return static_cast<int>((threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z)) % 32); }

}  // namespace emulated
