// ZipArchive: the records of a zip file that were stored without compression, as PyTorch stores them. Uses libzip.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/io/byte_source.h"

struct zip;

namespace dgsam {

class ZipArchive {
 public:
  struct Record {
    std::string name;
    std::uint64_t index = 0;
    std::uint64_t bytes = 0;
  };

  /// Reads the directory alone. The source must outlive the archive. Throws Error that names it when it is no zip file,
  /// or a truncated one.
  explicit ZipArchive(const ByteSource& source);

  const std::vector<Record>& records() const { return records_; }
  /// The record of that name, or nullptr.
  const Record* find(std::string_view name) const;
  /// Reads a part of a record; a whole one is checked against its CRC-32. Throws Error for a record that is compressed,
  /// encrypted, damaged or longer than the archive.
  void read(const Record& record, std::uint64_t offset, std::span<std::byte> to) const;

 private:
  struct Closer {
    void operator()(zip* archive) const;
  };

  std::string name_;
  std::uint64_t archive_bytes_ = 0;
  std::unique_ptr<zip, Closer> archive_;
  std::vector<Record> records_;
};

}  // namespace dgsam
