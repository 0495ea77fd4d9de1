// PBM, PGM and PPM, binary (P4 to P6) and as text (P1 to P3), of any largest value up to 65,535. As in Pillow, a file
// that ends early is read where its bytes are the pixels (P4, and P5 and P6 of 255 levels or, grey, of 65,535).
#include <cctype>
#include <cmath>

#include "data/image_bytes.h"
#include "data/image_file.h"

namespace dgsam {
namespace {

constexpr int kMostDigits = 10;

struct PnmHeader {
  bool text = false, bits = false, grey = false;
  int width = 0, height = 0, most = 1;
  std::size_t body = 0;

  std::size_t channels() const { return grey || bits ? 1 : 3; }
  bool deep() const { return most > 255; }
  std::size_t values() const { return static_cast<std::size_t>(width) * height * channels(); }
};

/// The decimal number that follows white space and comments; `at` moves behind it.
int read_number(const ImageBytes& in, std::size_t& at) {
  constexpr int kMost = 1 << 24;
  for (bool comment = false; comment || in.u8(at) == '#' || std::isspace(in.u8(at)); ++at)
    comment = in.u8(at) != '\n' && in.u8(at) != '\r' && (comment || in.u8(at) == '#');
  require(std::isdigit(in.u8(at)), in.name(), ": damaged PNM header");
  int value = 0;
  for (; at < in.size() && std::isdigit(in.u8(at)); ++at) value = std::min(kMost, 10 * value + (in.u8(at) - '0'));
  return value;
}

PnmHeader read_header(const ImageBytes& in) {
  const char kind = static_cast<char>(in.u8(1));
  PnmHeader header;
  header.text = kind <= '3';
  header.bits = kind == '1' || kind == '4';
  header.grey = kind == '2' || kind == '5';
  std::size_t at = 2;
  header.width = read_number(in, at);
  header.height = read_number(in, at);
  if (!header.bits) header.most = read_number(in, at);
  require(header.most > 0 && header.most < 65536 && (at >= in.size() || std::isspace(in.u8(at))), in.name(),
          ": damaged PNM header");
  header.body = std::min(at + 1, in.size());
  return header;
}

/// The byte of every value: as Pillow converts, to 255 levels, but deep grey to 65,535 levels that are cut at 255.
std::vector<std::uint8_t> value_table(const PnmHeader& header) {
  const double levels = header.deep() && header.grey ? 65535 : 255;
  std::vector<std::uint8_t> table(header.deep() ? 65536 : 256);
  for (std::size_t value = 0; value < table.size(); ++value) {
    const double scaled = std::nearbyint(static_cast<double>(value) / header.most * levels);
    table[value] = static_cast<std::uint8_t>(std::min(255.0, scaled));
  }
  return table;
}

void put_value(const PnmHeader& header, std::size_t at, std::uint8_t byte, Image& image) {
  const std::size_t copies = 3 / header.channels();
  std::fill_n(image.rgb.begin() + static_cast<std::ptrdiff_t>(at * copies), copies, byte);
}

/// Text without its comments, each with the end of its line, as Pillow reads it: what stands around one is joined.
std::string without_comments(std::span<const std::uint8_t> bytes) {
  std::string text;
  bool comment = false;
  for (const std::uint8_t byte : bytes) {
    comment = comment || byte == '#';
    if (!comment) text += static_cast<char>(byte);
    comment = comment && byte != '\n' && byte != '\r';
  }
  return text;
}

Image decode_text(const ImageBytes& in, const PnmHeader& header) {
  const std::string text = without_comments(in.rest(header.body));
  const std::vector<std::uint8_t> table = value_table(header);
  Image image(header.width, header.height);
  std::size_t at = 0;
  for (std::size_t done = 0; done < header.values(); ++done) {
    while (at < text.size() && std::isspace(static_cast<unsigned char>(text[at]))) ++at;
    require(at < text.size(), in.name(), ": truncated PNM (", done, " values of ", header.values(), ")");
    const std::size_t start = at;
    std::int64_t value = 0;
    do {  // every bit is a token of its own
      require(std::isdigit(static_cast<unsigned char>(text[at])) && at - start < kMostDigits, in.name(),
              ": damaged PNM (not a number)");
      value = 10 * value + (text[at++] - '0');
    } while (!header.bits && at < text.size() && !std::isspace(static_cast<unsigned char>(text[at])));
    require(value <= header.most, in.name(), ": damaged PNM (", value, " where ", header.most, " is the most)");
    put_value(header, done, header.bits ? (value == 0 ? 255 : 0) : table[static_cast<std::size_t>(value)], image);
  }
  return image;
}

Image decode_bits(const ImageBytes& in, const PnmHeader& header, bool& truncated) {
  const std::size_t width = static_cast<std::size_t>(header.width), row_bytes = (width + 7) / 8;
  Image image(header.width, header.height);
  for (int y = 0; y < header.height && !truncated; ++y) {
    const auto row = in.rest(header.body + row_bytes * y, row_bytes);
    truncated = row.size() < row_bytes;
    for (std::size_t x = 0; x < width && !truncated; ++x)
      put_value(header, width * y + x, row[x / 8] >> (7 - x % 8) & 1 ? 0 : 255, image);
  }
  return image;
}

Image decode_values(const ImageBytes& in, const PnmHeader& header, bool& truncated) {
  const std::size_t value_bytes = header.deep() ? 2 : 1;
  const bool raw = header.most == 255 || (header.grey && header.most == 65535);
  const auto bytes =
      raw ? in.rest(header.body, header.values() * value_bytes) : in.part(header.body, header.values() * value_bytes);
  const std::size_t row_values = header.values() / header.height;
  const std::size_t rows = bytes.size() / (row_values * value_bytes);
  truncated = rows < static_cast<std::size_t>(header.height);
  const std::vector<std::uint8_t> table = value_table(header);
  Image image(header.width, header.height);
  for (std::size_t i = 0; i < rows * row_values; ++i)
    put_value(header, i, table[header.deep() ? bytes[2 * i] << 8 | bytes[2 * i + 1] : bytes[i]], image);
  return image;
}

}  // namespace

Image decode_pnm(std::span<const std::uint8_t> bytes, const std::string& name, bool& truncated) {
  const ImageBytes in(bytes, name);
  const PnmHeader header = read_header(in);
  require_plausible_size(header.width, header.height, bytes.size(), name);
  if (header.text) return decode_text(in, header);
  return header.bits ? decode_bits(in, header, truncated) : decode_values(in, header, truncated);
}

}  // namespace dgsam
