// The first frame of a GIF, as Pillow shows it: transparent pixels have their palette's colour, and what the frame does
// not cover has the transparent colour or, without one, that of index 0. So has what is missing in a damaged file.
#include "data/image_bytes.h"
#include "data/image_file.h"

namespace dgsam {
namespace {

constexpr int kMostCodes = 4096, kMostCodeBits = 12;

/// The bits of a chain of blocks, each a length and so many bytes.
class CodeReader {
 public:
  CodeReader(const ImageBytes& in, std::size_t at) : in_(in), at_(at) {}

  /// The next code of `size` bits; -1 where the file ends. Pillow takes nothing of a block that is cut off, and goes on
  /// behind the empty block that ends a chain.
  int read(int size) {
    while (count_ < size) {
      if (left_ == 0) {
        if (at_ >= in_.size() || in_.size() - at_ < std::size_t{in_.u8(at_)} + 1) return -1;
        left_ = in_.u8(at_++);
        continue;
      }
      bits_ |= static_cast<std::uint32_t>(in_.u8(at_++)) << count_;
      count_ += 8;
      --left_;
    }
    const int code = static_cast<int>(bits_ & ((1u << size) - 1));
    bits_ >>= size;
    count_ -= size;
    return code;
  }

 private:
  const ImageBytes& in_;
  std::size_t at_;
  std::uint32_t bits_ = 0;
  int count_ = 0, left_ = 0;
};

/// GIF's LZW: `count` indices, whose first codes have `bits` + 1 bits; fewer from a file that ends early or is damaged.
std::vector<std::uint8_t> unpack(CodeReader codes, int bits, std::size_t count) {
  const int clear = 1 << bits, end = clear + 1;
  std::array<int, kMostCodes> prefix{};               // a code is the string of its prefix,
  std::array<std::uint8_t, kMostCodes> last{};        // followed by its last index
  std::array<std::uint8_t, kMostCodes + 1> string{};  // filled from its end
  int next = end + 1, size = bits + 1, previous = -1;
  std::uint8_t first = 0;
  std::vector<std::uint8_t> indices;
  indices.reserve(count);
  while (indices.size() < count) {
    const int code = codes.read(size);
    if (code == clear) {
      next = end + 1;
      size = bits + 1;
      previous = -1;
      continue;
    }
    if (code < 0 || code == end || (previous < 0 ? code > clear : code > next)) break;
    std::size_t at = string.size();
    int rest = code;
    if (code == next) {  // the string being defined just now: the previous one and its own first index
      string[--at] = first;
      rest = previous;
    }
    for (; rest >= clear && rest < kMostCodes && at > 1; rest = prefix[static_cast<std::size_t>(rest)])
      string[--at] = last[static_cast<std::size_t>(rest)];
    if (rest >= clear) break;
    string[--at] = first = static_cast<std::uint8_t>(rest);
    if (previous >= 0 && next < kMostCodes) {
      prefix[static_cast<std::size_t>(next)] = previous;
      last[static_cast<std::size_t>(next)] = first;
      if (++next == 1 << size && size < kMostCodeBits) ++size;
    }
    previous = code;
    const std::size_t length = std::min(string.size() - at, count - indices.size());
    indices.insert(indices.end(), &string[at], &string[at] + length);
  }
  return indices;
}

/// The image row of each row of the data: interlaced files have every 8th row first.
std::vector<int> row_order(int height, bool interlaced) {
  std::vector<int> rows;
  const auto pass = [&](int first, int step) {
    for (int y = first; y < height; y += step) rows.push_back(y);
  };
  if (!interlaced) {
    pass(0, 1);
  } else {
    pass(0, 8), pass(4, 8), pass(2, 4), pass(1, 2);
  }
  return rows;
}

}  // namespace

Image decode_gif(std::span<const std::uint8_t> bytes, const std::string& name, bool& truncated) {
  const ImageBytes in(bytes, name);
  const auto read_palette = [&in](std::size_t& at, int flags) {  // its length is in the lowest bits of the flags
    const std::size_t length = std::size_t{3} << ((flags & 7) + 1);
    at += length;
    return Palette(in.part(at - length, length), 3, false);
  };
  int width = static_cast<int>(in.u16(6)), height = static_cast<int>(in.u16(8));
  std::size_t at = 13;
  Palette palette;
  if (in.u8(10) & 0x80) palette = read_palette(at, in.u8(10));

  std::uint8_t background = 0;
  for (std::uint8_t kind = in.u8(at++); kind != ','; kind = in.u8(at++)) {
    require(kind != ';', name, ": a GIF without an image");
    if (kind != '!') continue;
    constexpr std::uint8_t kGraphicControl = 0xF9;
    if (in.u8(at++) == kGraphicControl && (in.u8(at + 1) & 1)) background = in.u8(at + 4);
    for (std::uint8_t length = in.u8(at++); length != 0; length = in.u8(at++)) at += length;
  }

  const int x0 = static_cast<int>(in.u16(at)), y0 = static_cast<int>(in.u16(at + 2));
  const int frame_width = static_cast<int>(in.u16(at + 4)), frame_height = static_cast<int>(in.u16(at + 6));
  const int flags = in.u8(at + 8);
  at += 9;
  if (flags & 0x80) palette = read_palette(at, flags);
  const int bits = in.u8(at++);
  require(frame_width > 0 && frame_height > 0, name, ": damaged GIF (a frame of ", frame_width, " x ", frame_height,
          " pixels)");
  width = std::max(width, x0 + frame_width);
  height = std::max(height, y0 + frame_height);
  require_plausible_size(width, height, bytes.size(), name);

  const std::size_t count = static_cast<std::size_t>(frame_width) * frame_height;
  std::vector<std::uint8_t> indices;
  if (bits <= kMostCodeBits) indices = unpack(CodeReader(in, at), bits, count);
  truncated = indices.size() < count;
  Image image = filled(width, height, palette[background]);
  auto index = indices.begin();
  for (const int y : row_order(frame_height, (flags & 0x40) != 0)) {
    std::uint8_t* out = image.row(y0 + y) + std::ptrdiff_t{3} * x0;
    for (int x = 0; x < frame_width && index != indices.end(); ++x, out += 3)
      std::copy_n(palette[*index++].begin(), 3, out);
  }
  return image;
}

}  // namespace dgsam
