// Windows and OS/2 bitmaps: 1, 4 and 8 bits with a palette, also run-length encoded; 16, 24 and 32 bits with or without
// masks. Files that end early have as many rows as there are, the first of them at the bottom, as in Pillow.
#include <bit>
#include <cstdlib>

#include "data/image_bytes.h"
#include "data/image_file.h"

namespace dgsam {
namespace {

constexpr std::size_t kFileHeader = 14;
enum Compression : std::uint32_t { kNone = 0, kRuns8 = 1, kRuns4 = 2, kMasks = 3 };

struct BmpHeader {
  std::size_t length = 0;
  int width = 0, height = 0, bits = 0;
  bool top_down = false;
  std::uint32_t compression = kNone;
  std::size_t colours = 0;       // entries of the palette
  std::size_t colour_bytes = 4;  // of one entry
  std::size_t body = 0;          // where palette or masks begin
  std::size_t pixels = 0;        // where the rows begin

  bool has_palette() const { return bits == 1 || bits == 4 || bits == 8; }
  /// The bytes of a row with and without what pads it.
  std::size_t stride() const { return (static_cast<std::size_t>(width) * bits + 31) / 32 * 4; }
  std::size_t row_bytes() const { return (static_cast<std::size_t>(width) * bits + 7) / 8; }
  /// The row of the image that is the file's row `line`.
  int row(int line) const { return top_down ? line : height - 1 - line; }
};

BmpHeader read_header(const ImageBytes& in) {
  BmpHeader header;
  header.length = in.u32(kFileHeader);
  header.pixels = in.u32(10);
  header.body = kFileHeader + header.length;
  if (header.length == 12) {
    header.width = static_cast<int>(in.u16(18));
    header.height = static_cast<int>(in.u16(20));
    header.bits = static_cast<int>(in.u16(24));
    header.colour_bytes = 3;
  } else {
    constexpr std::array<std::size_t, 6> kLengths = {40, 52, 56, 64, 108, 124};
    require(std::find(kLengths.begin(), kLengths.end(), header.length) != kLengths.end(), in.name(),
            ": a BMP header of ", header.length, " bytes is not known");
    header.width = static_cast<int>(in.u32(18));
    const auto height = static_cast<std::int32_t>(in.u32(22));
    header.top_down = height < 0;
    header.height = std::abs(std::max(height, -INT32_MAX));
    header.bits = static_cast<int>(in.u16(28));
    header.compression = in.u32(30);
    header.colours = in.u32(46);
    in.part(kFileHeader, header.length);
  }
  if (header.colours == 0) header.colours = std::size_t{1} << std::min(header.bits, 8);
  // Pixels that begin nowhere, or where the palette does: such files are read as Pillow reads them.
  if (header.bits <= 8 && (header.pixels == 0 || header.pixels == header.body))
    header.pixels = header.body + header.colours * header.colour_bytes;
  const std::size_t masks = header.compression == kMasks && header.length == 40 ? 12 : 0;
  if (header.pixels == 0) header.pixels = header.body + masks;
  return header;
}

/// Calls `put_row(out, bytes)` for every row that the file has in full. Returns whether some are missing.
template <class PutRow>
bool for_each_row(const ImageBytes& in, const BmpHeader& header, Image& image, const PutRow& put_row) {
  for (int line = 0; line < header.height; ++line) {
    const auto row = in.rest(header.pixels + header.stride() * line, header.row_bytes());
    if (row.size() < header.row_bytes()) return true;
    put_row(image.row(header.row(line)), row);
  }
  return false;
}

Palette read_palette(const ImageBytes& in, const BmpHeader& header) {
  const std::size_t entries = std::min<std::size_t>(header.colours, 256);
  return {in.rest(header.body, entries * header.colour_bytes), header.colour_bytes, true};
}

Image with_palette(const ImageBytes& in, const BmpHeader& header, bool& truncated) {
  const Palette palette = read_palette(in, header);
  Image image = filled(header.width, header.height, palette[0]);
  truncated = for_each_row(in, header, image, [&](std::uint8_t* out, std::span<const std::uint8_t> row) {
    std::size_t bit = 0;
    for (int x = 0; x < header.width; ++x, out += 3, bit += header.bits) {
      const int shift = 8 - header.bits - static_cast<int>(bit % 8);
      const int index = row[bit / 8] >> shift & ((1 << header.bits) - 1);
      std::copy_n(palette[static_cast<std::uint8_t>(index)].begin(), 3, out);
    }
  });
  return image;
}

/// The masks of red, green and blue in a pixel read as one little-endian number.
std::array<std::uint32_t, 3> colour_masks(const ImageBytes& in, const BmpHeader& header) {
  if (header.compression == kMasks) {
    const std::size_t at = kFileHeader + 40;  // inside a longer header, after a short one
    const std::array masks{in.u32(at), in.u32(at + 4), in.u32(at + 8)};
    if (masks != std::array{0u, 0u, 0u}) {
      for (const std::uint32_t mask : masks) require(mask != 0, in.name(), ": a BMP with an empty colour mask");
      return masks;
    }
  }
  if (header.bits == 16) return {0x7C00, 0x3E0, 0x1F};
  return {0xFF0000, 0xFF00, 0xFF};
}

Image with_masks(const ImageBytes& in, const BmpHeader& header, bool& truncated) {
  const std::array masks = colour_masks(in, header);
  const std::size_t pixel_bytes = header.bits / 8;
  Image image(header.width, header.height);
  truncated = for_each_row(in, header, image, [&](std::uint8_t* out, std::span<const std::uint8_t> bytes) {
    const ImageBytes row(bytes, in.name());
    for (std::size_t at = 0; at < row.size(); at += pixel_bytes) {
      const std::uint32_t pixel = row.number(at, pixel_bytes);
      for (const std::uint32_t mask : masks) {
        const int shift = std::countr_zero(mask);
        *out++ = static_cast<std::uint8_t>(std::uint64_t{(pixel & mask) >> shift} * 255 / (mask >> shift));
      }
    }
  });
  return image;
}

/// The indices of all pixels, row after row as the file has them. As Pillow's decoder, it cuts a run at the end of its
/// row, but not pixels that are listed. What the file skips has index 0.
std::vector<std::uint8_t> unpack_runs(const ImageBytes& in, const BmpHeader& header) {
  const std::size_t width = static_cast<std::size_t>(header.width), count = width * header.height;
  const bool half_bytes = header.compression == kRuns4;
  std::vector<std::uint8_t> indices;
  std::size_t at = header.pixels, x = 0;
  const auto pixel = [&](std::uint8_t byte, std::size_t i) {  // of a pair in half bytes: the first one is the high one
    return static_cast<std::uint8_t>(!half_bytes ? byte : i % 2 == 0 ? byte >> 4 : byte & 15);
  };
  while (indices.size() < count) {
    const std::size_t run = in.u8(at);
    const std::uint8_t byte = in.u8(at + 1);
    at += 2;
    if (run > 0) {
      const std::size_t most = std::min(run, width - std::min(x, width));
      for (std::size_t i = 0; i < most; ++i) indices.push_back(pixel(byte, i));
      x += most;
    } else if (byte == 0) {  // the row ends
      indices.resize((indices.size() + width - 1) / width * width);
      x = 0;
    } else if (byte == 1) {  // the image ends
      break;
    } else if (byte == 2) {  // go right and on by whole rows
      indices.resize(std::min(count, indices.size() + in.u8(at) + in.u8(at + 1) * width));
      at += 2;
      x = indices.size() % width;
    } else {  // so many pixels, padded to an even place in the file
      const std::size_t listed = std::min<std::size_t>(byte, count - indices.size());
      const auto bytes = in.part(at, half_bytes ? (listed + 1) / 2 : listed);
      for (std::size_t i = 0; i < listed; ++i) indices.push_back(pixel(bytes[half_bytes ? i / 2 : i], i));
      x += byte;
      at += bytes.size();
      at += at % 2;
    }
  }
  indices.resize(count);
  return indices;
}

Image with_runs(const ImageBytes& in, const BmpHeader& header) {
  const Palette palette = read_palette(in, header);
  const std::vector<std::uint8_t> indices = unpack_runs(in, header);
  Image image(header.width, header.height);
  auto index = indices.begin();
  for (int line = 0; line < header.height; ++line) {
    std::uint8_t* out = image.row(header.row(line));
    for (int x = 0; x < header.width; ++x, out += 3) std::copy_n(palette[*index++].begin(), 3, out);
  }
  return image;
}

}  // namespace

Image decode_bmp(std::span<const std::uint8_t> bytes, const std::string& name, bool& truncated) {
  const ImageBytes in(bytes, name);
  const BmpHeader header = read_header(in);
  const bool masks = header.bits == 16 || header.bits == 24 || header.bits == 32;
  const bool runs = header.compression == kRuns8 || header.compression == kRuns4;
  require(header.has_palette() || masks, name, ": a BMP of ", header.bits, " bits per pixel is not read");
  require(header.compression == kNone || (masks && header.compression == kMasks) || (header.has_palette() && runs),
          name, ": a BMP of ", header.bits, " bits compressed in way ", header.compression,
          " is not read; convert it to PNG");
  require_plausible_size(header.width, header.height, bytes.size(), name);
  if (runs) return with_runs(in, header);
  return header.has_palette() ? with_palette(in, header, truncated) : with_masks(in, header, truncated);
}

}  // namespace dgsam
