// Binary PGM (P5) and PPM (P6), 8 and 16 bits, any largest value.
#include <cctype>
#include <cmath>

#include "data/image_bytes.h"
#include "data/image_file.h"

namespace dgsam {
namespace {

/// The decimal number that follows white space and comments; `at` moves behind it.
int read_number(const ImageBytes& in, std::size_t& at) {
  constexpr int kMost = 1 << 24;
  for (bool comment = false; comment || in.u8(at) == '#' || std::isspace(in.u8(at)); ++at)
    comment = in.u8(at) != '\n' && in.u8(at) != '\r' && (comment || in.u8(at) == '#');
  require(std::isdigit(in.u8(at)), in.name(), ": damaged PNM header");
  int value = 0;
  for (; std::isdigit(in.u8(at)); ++at) value = std::min(kMost, 10 * value + (in.u8(at) - '0'));
  return value;
}

/// The byte of every value: as Pillow converts, to 255 levels, but deep grey to 65,535 levels that are cut at 255.
std::vector<std::uint8_t> value_table(int most, bool grey) {
  const double levels = most > 255 && grey ? 65535 : 255;
  std::vector<std::uint8_t> table(most > 255 ? 65536 : 256);
  for (std::size_t value = 0; value < table.size(); ++value) {
    const double scaled = std::nearbyint(static_cast<double>(value) / most * levels);
    table[value] = static_cast<std::uint8_t>(std::min(255.0, scaled));
  }
  return table;
}

}  // namespace

Image decode_pnm(std::span<const std::uint8_t> bytes, const std::string& name) {
  const ImageBytes in(bytes, name);
  const bool grey = in.u8(1) == '5';
  require(grey || in.u8(1) == '6', name, ": of PNM images, binary PGM and PPM (P5 and P6) are read, not P",
          static_cast<char>(in.u8(1)));
  std::size_t at = 2;
  const int width = read_number(in, at), height = read_number(in, at), most = read_number(in, at);
  require(most > 0 && most < 65536 && std::isspace(in.u8(at)), name, ": damaged PNM header");
  ++at;
  require_plausible_size(width, height, bytes.size(), name);

  const std::size_t pixels = static_cast<std::size_t>(width) * height, channels = grey ? 1 : 3;
  const std::size_t value_bytes = most > 255 ? 2 : 1;
  const auto values = in.part(at, pixels * channels * value_bytes);
  const std::vector<std::uint8_t> table = value_table(most, grey);
  Image image(width, height);
  std::uint8_t* out = image.rgb.data();
  for (std::size_t i = 0; i < values.size(); i += value_bytes) {
    const std::uint8_t byte = table[most > 255 ? values[i] << 8 | values[i + 1] : values[i]];
    out = std::fill_n(out, grey ? 3 : 1, byte);
  }
  return image;
}

}  // namespace dgsam
