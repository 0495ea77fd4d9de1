// Layout: two zero bytes, the type (8 = unsigned byte), the number of dimensions, each dimension as a big-endian 32-bit
// number, the values. gzopen reads plain files as they are and checks a gzip file's own checksum.
#include "data/idx.h"

#include <zlib.h>

#include <algorithm>
#include <memory>

#include "engine/core/check.h"

namespace dgsam {
namespace {

std::vector<std::uint8_t> read_gzip_or_plain(const std::filesystem::path& path) {
  std::error_code unknown;
  require(std::filesystem::is_regular_file(path, unknown), path.string(), ": no such file");
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> file(gzopen(path.c_str(), "rb"), gzclose);
  require(file != nullptr, path.string(), ": cannot be opened");
  std::vector<std::uint8_t> bytes;
  constexpr unsigned kChunk = 1 << 20;
  for (int got = 1; got > 0;) {
    const std::size_t size = bytes.size();
    bytes.resize(size + kChunk);
    got = gzread(file.get(), bytes.data() + size, kChunk);
    bytes.resize(size + static_cast<std::size_t>(std::max(got, 0)));
    int code = Z_OK;
    const char* reason = gzerror(file.get(), &code);
    require(got >= 0 && code == Z_OK, path.string(), ": cannot be read (", reason, ")");
  }
  return bytes;
}

}  // namespace

IdxArray read_idx(const std::filesystem::path& path) {
  std::vector<std::uint8_t> bytes = read_gzip_or_plain(path);
  require(bytes.size() >= 4 && bytes[0] == 0 && bytes[1] == 0 && bytes[3] > 0, path.string(), ": not an IDX file");
  require(bytes[2] == 8, path.string(), ": holds IDX type ", int{bytes[2]}, "; only unsigned bytes (8) are read");
  const std::size_t header = 4 + std::size_t{4} * bytes[3];
  require(bytes.size() >= header, path.string(), ": truncated IDX header");

  IdxArray array;
  std::size_t count = 1;
  const std::size_t present = bytes.size() - header;
  for (std::size_t at = 4; at < header; at += 4) {
    const std::size_t size = std::size_t{bytes[at]} << 24 | bytes[at + 1] << 16 | bytes[at + 2] << 8 | bytes[at + 3];
    require(size > 0 && size <= present / count, path.string(), ": dimension ", array.dims.size() + 1, " is ", size,
            ", which the file's ", present, " bytes of data do not hold (truncated?)");
    array.dims.push_back(static_cast<int>(size));
    count *= size;
  }
  require(count == present, path.string(), ": holds ", present, " bytes of data, its header says ", count);
  array.values.assign(bytes.begin() + static_cast<std::ptrdiff_t>(header), bytes.end());
  return array;
}

}  // namespace dgsam
