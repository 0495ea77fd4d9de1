// Windows and OS/2 bitmaps, uncompressed: 1, 4 and 8 bits with a palette; 16, 24 and 32 bits with or without masks.
#include <bit>
#include <cstdlib>

#include "data/image_bytes.h"
#include "data/image_file.h"

namespace dgsam {
namespace {

constexpr std::size_t kFileHeader = 14;
enum Compression : std::uint32_t { kNone = 0, kMasks = 3 };

struct BmpHeader {
  int width = 0, height = 0, bits = 0;
  bool top_down = false;
  std::uint32_t compression = kNone;
  std::size_t colours = 0;       // entries of the palette
  std::size_t colour_bytes = 4;  // of one entry
  std::size_t body = 0;          // where palette or masks begin
  std::size_t pixels = 0;        // where the rows begin
};

BmpHeader read_header(const ImageBytes& in) {
  BmpHeader header;
  const std::uint32_t length = in.u32(kFileHeader);
  header.pixels = in.u32(10);
  header.body = kFileHeader + length;
  if (length == 12) {
    header.width = static_cast<int>(in.u16(18));
    header.height = static_cast<int>(in.u16(20));
    header.bits = static_cast<int>(in.u16(24));
    header.colour_bytes = 3;
  } else {
    require(length == 40 || length == 64 || length == 108 || length == 124, in.name(), ": a BMP header of ", length,
            " bytes is not known");
    header.width = static_cast<int>(in.u32(18));
    const auto height = static_cast<std::int32_t>(in.u32(22));
    header.top_down = height < 0;
    header.height = std::abs(std::max(height, -INT32_MAX));
    header.bits = static_cast<int>(in.u16(28));
    header.compression = in.u32(30);
    header.colours = in.u32(46);
  }
  if (header.colours == 0) header.colours = std::size_t{1} << std::min(header.bits, 8);
  // Pixels cannot begin before the palette ends: such files are read as Pillow reads them.
  if (header.bits <= 8 && header.pixels <= header.body)
    header.pixels = header.body + header.colours * header.colour_bytes;
  return header;
}

Image with_palette(const ImageBytes& in, const BmpHeader& header, std::size_t stride) {
  const std::size_t entries = std::min<std::size_t>(header.colours, 256);
  const Palette palette(in.part(header.body, entries * header.colour_bytes), header.colour_bytes, true);
  Image image(header.width, header.height);
  for (int y = 0; y < header.height; ++y) {
    const int line = header.top_down ? y : header.height - 1 - y;
    const auto row = in.part(header.pixels + stride * line, (std::size_t(header.width) * header.bits + 7) / 8);
    std::uint8_t* out = image.row(y);
    for (std::size_t bit = 0; out < image.row(y + 1); out += 3, bit += header.bits) {
      const int shift = 8 - header.bits - static_cast<int>(bit % 8);
      const int index = row[bit / 8] >> shift & ((1 << header.bits) - 1);
      std::copy_n(palette[static_cast<std::uint8_t>(index)].begin(), 3, out);
    }
  }
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

Image with_masks(const ImageBytes& in, const BmpHeader& header, std::size_t stride) {
  const std::array masks = colour_masks(in, header);
  const std::size_t pixel_bytes = header.bits / 8;
  Image image(header.width, header.height);
  for (int y = 0; y < header.height; ++y) {
    const int line = header.top_down ? y : header.height - 1 - y;
    const ImageBytes row(in.part(header.pixels + stride * line, header.width * pixel_bytes), in.name());
    std::uint8_t* out = image.row(y);
    for (std::size_t at = 0; at < row.size(); at += pixel_bytes) {
      const std::uint32_t pixel = row.number(at, pixel_bytes);
      for (const std::uint32_t mask : masks) {
        const int shift = std::countr_zero(mask);
        *out++ = static_cast<std::uint8_t>(std::uint64_t{(pixel & mask) >> shift} * 255 / (mask >> shift));
      }
    }
  }
  return image;
}

}  // namespace

Image decode_bmp(std::span<const std::uint8_t> bytes, const std::string& name) {
  const ImageBytes in(bytes, name);
  const BmpHeader header = read_header(in);
  const bool palette = header.bits == 1 || header.bits == 4 || header.bits == 8;
  const bool masks = header.bits == 16 || header.bits == 24 || header.bits == 32;
  require(palette || masks, name, ": a BMP of ", header.bits, " bits per pixel is not read");
  require(header.compression == kNone || (masks && header.compression == kMasks), name, ": a compressed BMP (kind ",
          header.compression, ") is not read; convert it to PNG");
  require_plausible_size(header.width, header.height, bytes.size(), name);
  const std::size_t stride = (static_cast<std::size_t>(header.width) * header.bits + 31) / 32 * 4;
  in.part(header.pixels, stride * (header.height - 1));  // before memory is asked for
  return palette ? with_palette(in, header, stride) : with_masks(in, header, stride);
}

}  // namespace dgsam
