#include "tools/train/append_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "engine/core/check.h"

namespace dgsam {

namespace {

[[noreturn]] void fail_to_write(const std::string& path) {
  fail("cannot write ", path, ": ", std::strerror(errno),
       errno == ENOSPC || errno == EDQUOT || errno == EFBIG
           ? "; make room and continue with --resume: everything before this is intact"
           : "");
}

}  // namespace

AppendFile::AppendFile(const std::string& path, std::uint64_t length) : path_(path), written_(length) {
  descriptor_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor_ < 0) fail_to_write(path_);
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0) fail_to_write(path_);
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size < length) {
    ::close(std::exchange(descriptor_, -1));
    fail(path_, " has ", size, " bytes, and the saved state was made when it had ", length,
         ": it was changed since; start the run anew with --overwrite");
  }
  if (::ftruncate(descriptor_, static_cast<off_t>(length)) != 0 ||
      ::lseek(descriptor_, static_cast<off_t>(length), SEEK_SET) < 0) {
    fail_to_write(path_);
  }
}

AppendFile& AppendFile::operator=(AppendFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(pending_, other.pending_);
  std::swap(written_, other.written_);
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

AppendFile::~AppendFile() {
  if (descriptor_ < 0) return;
  try {
    flush();
  } catch (const Error&) {  // a destructor has nobody to tell; flush() has
  }
  ::close(descriptor_);
}

void AppendFile::flush() {
  while (!pending_.empty()) {
    const ssize_t bytes = ::write(descriptor_, pending_.data(), pending_.size());
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes < 0) fail_to_write(path_);
    written_ += static_cast<std::uint64_t>(bytes);
    pending_.erase(0, static_cast<std::size_t>(bytes));
  }
}

void AppendFile::sync() {
  flush();
  if (::fsync(descriptor_) != 0) fail_to_write(path_);
}

}  // namespace dgsam
