// AtomicFile: a file that appears under its name only when it is complete and on disk.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace dgsam {

/// Writes to a temporary file in the same folder; commit() puts it in the place of `path`. Without commit() the
/// destructor removes it and `path` is as it was. All failures are Errors that name the path.
class AtomicFile {
 public:
  explicit AtomicFile(const std::string& path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(const void* data, std::size_t bytes);
  /// Flushes the file to disk, renames it, and flushes the folder.
  void commit();

 private:
  std::string path_;
  std::string temporary_;
  int descriptor_ = -1;
};

/// A whole file at once.
void write_atomically(const std::string& path, std::string_view bytes);

}  // namespace dgsam
