#include "engine/io/byte_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "engine/core/check.h"

namespace dgsam {

ByteSource::ByteSource(const std::string& path) : name_(path) {
  // Not blocking: a named pipe is refused below, not waited for.
  descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  require(descriptor_ >= 0, "cannot read ", path, ": ", std::strerror(errno));
  struct stat status {};
  const int result = ::fstat(descriptor_, &status);
  if (result == 0 && S_ISREG(status.st_mode)) {
    size_ = static_cast<std::uint64_t>(status.st_size);
    return;
  }
  const int error = errno;
  ::close(descriptor_);
  require(result == 0, "cannot read ", path, ": ", std::strerror(error));
  fail(path, ": not a file");
}

ByteSource::ByteSource(std::span<const std::byte> bytes, std::string name)
    : name_(std::move(name)), size_(bytes.size()), memory_(bytes) {}

ByteSource::ByteSource(ByteSource&& other) noexcept
    : name_(std::move(other.name_)),
      size_(other.size_),
      descriptor_(std::exchange(other.descriptor_, -1)),
      memory_(other.memory_) {}

ByteSource::~ByteSource() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void ByteSource::read_at(std::uint64_t offset, void* to, std::size_t bytes) const {
  require(offset <= size_ && bytes <= size_ - offset, name_, ": ", bytes, " bytes at ", offset,
          " are not in the file, which has ", size_, " (truncated?)");
  if (bytes == 0) return;
  if (descriptor_ < 0) {
    std::memcpy(to, memory_.data() + offset, bytes);
    return;
  }
  auto* at = static_cast<std::byte*>(to);
  while (bytes > 0) {
    const ssize_t got = ::pread(descriptor_, at, bytes, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    require(got >= 0, "cannot read ", name_, ": ", std::strerror(errno));
    require(got > 0, name_, ": the file became shorter while it was read");
    at += got;
    offset += static_cast<std::uint64_t>(got);
    bytes -= static_cast<std::size_t>(got);
  }
}

std::string printable(std::string_view text, std::size_t limit) {
  std::string shown(text.substr(0, limit));
  for (char& letter : shown) {
    if (letter < 0x20 || letter > 0x7e) letter = '?';
  }
  return text.size() > limit ? shown + "..." : shown;
}

}  // namespace dgsam
