// A file of lines that only grows, and can be cut back to what a saved state knows of.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace dgsam {

/// Lines are gathered in memory and written by flush(). All failures are Errors that name the path.
class AppendFile {
 public:
  AppendFile() = default;
  /// Opens the file, makes it if need be, and cuts it to `length` bytes. Throws Error when it is shorter than that.
  AppendFile(const std::string& path, std::uint64_t length);
  AppendFile(AppendFile&& other) noexcept { *this = std::move(other); }
  AppendFile& operator=(AppendFile&& other) noexcept;
  /// Writes what is left, if it can.
  ~AppendFile();

  void append(const std::string& line) { pending_ += line + '\n'; }
  /// The same, of bytes that are no line.
  void append_bytes(std::string_view bytes) { pending_ += bytes; }
  /// Hands all lines to the system: they survive this process.
  void flush();
  /// And to the disk: they survive the machine.
  void sync();
  /// Bytes of all lines so far.
  std::uint64_t bytes() const { return written_ + pending_.size(); }

 private:
  std::string path_, pending_;
  std::uint64_t written_ = 0;
  int descriptor_ = -1;
};

}  // namespace dgsam
