// ZipArchive: the records of a zip file, stored as PyTorch stores them, or deflated by who packed it again. Uses libzip
// for the directory and the bytes; checksums are compared here, as PyTorch can leave them out.
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
  /// No record that can be read is longer.
  std::uint64_t max_record_bytes() const { return archive_bytes_ * kMaxDeflation; }
  /// Reads a part of a record; a whole one is checked against its CRC-32, unless that is zero, which PyTorch writes
  /// with set_crc32_options(False). Throws Error for a record that is compressed in another way, encrypted, damaged or
  /// longer than the archive can hold.
  void read(const Record& record, std::uint64_t offset, std::span<std::byte> to) const;

 private:
  static constexpr std::uint64_t kMaxDeflation = 8;  ///< of whole archives: weights hardly shrink

  struct Closer {
    void operator()(zip* archive) const;
  };

  std::string name_;
  std::uint64_t archive_bytes_ = 0;
  std::unique_ptr<zip, Closer> archive_;
  std::vector<Record> records_;
};

}  // namespace dgsam
