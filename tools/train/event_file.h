// TensorBoard's event files: scalars over steps, in a file that only grows.
//
// The format is a sequence of records (a length, the bytes, a masked CRC-32C of each) that hold protobuf messages of a
// few fields. Writing it takes a page; protobuf and TensorFlow's record writer would be the largest dependencies here.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tools/train/append_file.h"

namespace dgsam {

inline constexpr std::string_view kEventFilePrefix = "events.out.tfevents.";

/// CRC-32C (Castagnoli). Known answer: "123456789" -> e3069283.
std::uint32_t crc32c(std::string_view bytes);

/// Tags and their values at one step. Values are kept as f32, as TensorBoard does.
using Scalars = std::vector<std::pair<std::string, double>>;

class EventFile {
 public:
  /// Makes a new file in `folder`, named so that it is read after those already there, and begins it by a session start
  /// at `step`: TensorBoard then drops what earlier files hold of this step and later ones. `wall_time` is the clock,
  /// seconds since 1970. Throws Error that names the path.
  EventFile(const std::filesystem::path& folder, std::int64_t step, std::function<double()> wall_time = seconds_now);

  /// Gathered in memory until flush().
  void append(std::int64_t step, const Scalars& scalars);
  /// Hands everything to the system: it survives this process.
  void flush() { file_.flush(); }
  /// And to the disk: it survives the machine.
  void sync() { file_.sync(); }

 private:
  static double seconds_now();
  void append_event(std::int64_t step, std::string_view fields);

  std::function<double()> wall_time_;
  AppendFile file_;
};

}  // namespace dgsam
