// PNG through libpng, fed chunk by chunk so that whole, cut-short and damaged files give Pillow's pixels.
#include <png.h>
#include <zlib.h>

#include <cctype>
#include <cerrno>
#include <csetjmp>
#include <cstring>
#include <fstream>
#include <optional>
#include <string_view>
#include <utility>

#include "data/encode.h"
#include "data/image_bytes.h"
#include "data/image_file.h"

namespace dgsam {
namespace {

constexpr std::size_t kSignature = 8, kHeader = 13;
/// Which pixels the seven passes of an interlaced file bring: first column and row, and the steps.
struct Pass {
  int x, y, step_x, step_y;
};
constexpr std::array<Pass, 7> kPasses = {
    {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}}};

struct Chunk {
  std::string_view type;
  std::span<const std::uint8_t> data;  // what there is of it
  std::size_t length = 0;              // what it says
  bool whole = false;                  // checksum included
  std::uint32_t sum = 0;

  bool known_type() const {  // Pillow's idea of a name
    return std::all_of(type.begin(), type.end(), [](unsigned char c) { return std::isalnum(c) || c == '_'; });
  }
  bool sum_fits() const {
    return sum ==
           crc32_z(crc32_z(0, reinterpret_cast<const Bytef*>(type.data()), type.size()), data.data(), data.size());
  }
};

/// The chunk at `at`, which moves behind it; none where its length and type are cut off.
std::optional<Chunk> next_chunk(const ImageBytes& in, std::size_t& at) {
  if (in.size() - at < 8) return std::nullopt;
  Chunk chunk;
  chunk.length = in.big32(at);
  chunk.type = {reinterpret_cast<const char*>(in.part(at + 4, 4).data()), 4};
  chunk.data = in.part(at + 8, std::min(chunk.length, in.size() - at - 8));
  chunk.whole = in.size() - at >= chunk.length + 12;
  if (chunk.whole) chunk.sum = in.big32(at + 8 + chunk.length);
  at = chunk.whole ? at + chunk.length + 12 : in.size();
  return chunk;
}

struct Header {
  int width = 0, height = 0, depth = 0, colour_type = 0;
  bool interlaced = false;
};

Header read_header(const Chunk& chunk, const std::string& name) {
  require(chunk.data.size() >= kHeader, name, ": truncated PNG header");
  const ImageBytes in(chunk.data, name);
  const Header header{static_cast<int>(in.big32(0)), static_cast<int>(in.big32(4)), in.u8(8), in.u8(9), in.u8(12) != 0};
  const int depths = header.colour_type == PNG_COLOR_TYPE_GRAY      ? 1 | 2 | 4 | 8 | 16
                     : header.colour_type == PNG_COLOR_TYPE_PALETTE ? 1 | 2 | 4 | 8
                                                                    : 8 | 16;
  const bool known = header.colour_type <= 6 && header.colour_type != 1 && header.colour_type != 5;
  require(known && (header.depth & (header.depth - 1)) == 0 && (header.depth & depths) != 0 && in.u8(11) == 0, name,
          ": damaged PNG (colour type ", header.colour_type, " with ", header.depth, " bits)");
  return header;
}

/// Rows as libpng brings them, put into an image. libpng reports a fatal error by calling fail_out, which must not
/// return: it jumps back into feed(), which holds no object with a destructor.
class PngReader {
 public:
  PngReader(const Header& header, const Palette& palette)
      : header_(header),
        palette_(palette),
        image_(header.colour_type == PNG_COLOR_TYPE_PALETTE ? filled(header.width, header.height, palette[0])
                                                            : Image(header.width, header.height)) {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, fail_out, [](png_structp, png_const_charp) {});
    info_ = png_ != nullptr ? png_create_info_struct(png_) : nullptr;
    require(info_ != nullptr, "libpng is of another version than its headers, or out of memory");
    start();
  }
  ~PngReader() { png_destroy_read_struct(&png_, &info_, nullptr); }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;

  /// Gives libpng the bytes that come next, unless it has given up.
  void feed(std::span<const std::uint8_t> bytes) {
    if (failed_ || setjmp(on_error_) != 0) return;
    // It takes a pointer to bytes that are not const, and does not write to them.
    png_process_data(png_, info_, const_cast<std::uint8_t*>(bytes.data()), bytes.size());
  }
  /// The same of a chunk made here; the checksum is not looked at.
  void feed_chunk(std::string_view type, std::span<const std::uint8_t> data) {
    feed_begin(type, data.size());
    feed(data);
    feed_end();
  }
  void feed_begin(std::string_view type, std::size_t length) {
    std::array<std::uint8_t, 8> begin{};
    for (std::size_t i = 0; i < 4; ++i) begin[i] = static_cast<std::uint8_t>(length >> (24 - 8 * i));
    std::copy_n(type.begin(), 4, begin.begin() + 4);
    feed(begin);
  }
  void feed_end() { feed(std::array<std::uint8_t, 4>{}); }

  bool complete() const { return complete_; }
  bool failed() const { return failed_; }
  Image take() { return std::move(image_); }

 private:
  [[noreturn]] static void fail_out(png_structp png, png_const_charp) {
    auto* self = static_cast<PngReader*>(png_get_error_ptr(png));
    self->failed_ = true;
    std::longjmp(self->on_error_, 1);
  }
  void start() {
    if (setjmp(on_error_) != 0) return;
    png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);  // the size was looked at before
    png_set_crc_action(png_, PNG_CRC_QUIET_USE, PNG_CRC_QUIET_USE);
    png_set_progressive_read_fn(png_, this, on_header, on_row, nullptr);
  }
  static void on_header(png_structp png, png_infop info) {
    const auto* self = static_cast<PngReader*>(png_get_progressive_ptr(png));
    if (self->header_.depth < 8) png_set_packing(png);
    if (self->header_.depth == 16 && !self->deep_grey()) png_set_strip_16(png);
    png_read_update_info(png, info);
  }
  static void on_row(png_structp png, png_bytep row, png_uint_32 number, int pass) {
    static_cast<PngReader*>(png_get_progressive_ptr(png))->put_row(row, static_cast<int>(number), pass);
  }

  bool deep_grey() const { return header_.colour_type == PNG_COLOR_TYPE_GRAY && header_.depth == 16; }

  void put_row(const std::uint8_t* samples, int number, int pass) {
    const Pass& where = header_.interlaced ? kPasses[static_cast<std::size_t>(pass)] : Pass{0, 0, 1, 1};
    const int y = where.y + number * where.step_y;
    if (y >= header_.height) return;
    std::uint8_t* const row = image_.row(y);
    const int channels = std::array{1, 0, 3, 1, 2, 0, 4}[static_cast<std::size_t>(header_.colour_type)];
    const int grey_step = header_.depth < 8 ? 255 / ((1 << header_.depth) - 1) : 1;
    const std::ptrdiff_t bytes = deep_grey() ? 2 : channels;
    for (int x = where.x; x < header_.width; x += where.step_x, samples += bytes) {
      std::uint8_t* const out = row + std::ptrdiff_t{3} * x;
      if (header_.colour_type == PNG_COLOR_TYPE_PALETTE) {
        std::copy_n(palette_[samples[0]].begin(), 3, out);
      } else if (channels >= 3) {
        std::copy_n(samples, 3, out);
      } else {  // deep grey is cut at 255, as Pillow converts it
        const int grey = deep_grey() ? (samples[0] != 0 ? 255 : samples[1]) : samples[0] * grey_step;
        std::fill_n(out, 3, static_cast<std::uint8_t>(grey));
      }
    }
    complete_ = number == (header_.height - 1 - where.y) / where.step_y && pass == last_pass();
  }

  /// The last pass that has rows.
  int last_pass() const {
    if (!header_.interlaced) return 0;
    int last = 6;
    while (kPasses[static_cast<std::size_t>(last)].x >= header_.width ||
           kPasses[static_cast<std::size_t>(last)].y >= header_.height)
      --last;
    return last;
  }

  Header header_;
  const Palette& palette_;
  Image image_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  std::jmp_buf on_error_;
  bool failed_ = false, complete_ = false;
};

void feed_header(PngReader& reader, std::span<const std::uint8_t> signature, const Chunk& header) {
  std::array<std::uint8_t, kHeader> fields{};
  std::copy_n(header.data.begin(), kHeader, fields.begin());
  fields[10] = 0;                     // Pillow does not look at the compression method,
  fields[12] = header.data[12] != 0;  // and takes any interlacing for Adam7
  reader.feed(signature);
  reader.feed_chunk("IHDR", fields);
  if (fields[9] == PNG_COLOR_TYPE_PALETTE) reader.feed_chunk("PLTE", std::array<std::uint8_t, 3>{});  // one of ours
}

}  // namespace

Image decode_png(std::span<const std::uint8_t> bytes, const std::string& name, bool& truncated) {
  constexpr std::string_view kMagic = "\x89PNG\r\n\x1a\n";
  const ImageBytes in(bytes, name);
  const auto signature = in.part(0, kSignature);
  require(std::equal(kMagic.begin(), kMagic.end(), reinterpret_cast<const char*>(signature.data())), name,
          ": damaged PNG (its first 8 bytes are not a PNG's)");
  std::size_t at = kSignature;
  std::optional<Chunk> header_chunk, chunk;
  Palette palette;
  for (chunk = next_chunk(in, at); chunk && chunk->type != "IDAT" && chunk->type != "IEND";
       chunk = next_chunk(in, at)) {
    require(chunk->whole, name, ": truncated PNG (it ends before the image begins)");
    const bool ancillary = (chunk->type[0] & 0x20) != 0;
    truncated = truncated || !chunk->sum_fits() || !chunk->known_type();
    require(ancillary || chunk->sum_fits(), name, ": damaged PNG (the checksum of ", chunk->type, " is wrong)");
    if (chunk->type == "IHDR") header_chunk = chunk;
    if (chunk->type == "PLTE" && header_chunk) palette = Palette(chunk->data, 3, false);
  }
  require(chunk && chunk->type == "IDAT" && header_chunk, name, ": truncated PNG (it ends before the image begins)");
  const Header header = read_header(*header_chunk, name);
  require_plausible_size(header.width, header.height, bytes.size(), name);

  PngReader reader(header, palette);
  feed_header(reader, signature, *header_chunk);
  require(!reader.failed(), name, ": damaged PNG header");
  for (; chunk && chunk->type == "IDAT" && !reader.complete() && !reader.failed(); chunk = next_chunk(in, at)) {
    if (chunk->data.empty()) continue;
    reader.feed_begin(chunk->type, chunk->data.size());
    reader.feed(chunk->data);
    if (chunk->whole) reader.feed_end();
  }
  truncated = truncated || !reader.complete();
  // Pillow reads what follows the image, too, up to the next frame of an animation.
  for (; chunk && chunk->known_type() && chunk->type != "IEND" && chunk->type != "fcTL" && !truncated;
       chunk = next_chunk(in, at))
    truncated = chunk->data.size() < chunk->length;
  return reader.take();
}

std::optional<ImageSize> png_size(std::span<const std::uint8_t> bytes, const std::string& name) {
  const ImageBytes in(bytes, name);
  std::size_t at = kSignature;
  if (bytes.size() < kSignature) return std::nullopt;
  const std::optional<Chunk> chunk = next_chunk(in, at);
  if (!chunk || chunk->type != "IHDR" || chunk->data.size() < kHeader) return std::nullopt;
  const Header header = read_header(*chunk, name);
  return ImageSize{header.width, header.height};
}

std::vector<std::uint8_t> encode_png(const Image& image) {
  png_image description{};
  description.version = PNG_IMAGE_VERSION;
  description.width = static_cast<png_uint_32>(image.width);
  description.height = static_cast<png_uint_32>(image.height);
  description.format = PNG_FORMAT_RGB;
  std::vector<std::uint8_t> bytes(PNG_IMAGE_PNG_SIZE_MAX(description));
  png_alloc_size_t size = bytes.size();
  const int encoded = png_image_write_to_memory(&description, bytes.data(), &size, 0, image.rgb.data(), 0, nullptr);
  require(encoded != 0, "an image of ", image.width, " x ", image.height, " pixels cannot be encoded as PNG (",
          description.message, ")");
  bytes.resize(size);
  return bytes;
}

void write_png(const std::filesystem::path& path, const Image& image) {
  const std::vector<std::uint8_t> bytes = encode_png(image);
  std::ofstream file(path, std::ios::binary);
  require(file.is_open(), path.string(), ": cannot be written (", std::strerror(errno), ")");
  file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  file.close();
  require(file.good(), path.string(), ": cannot be written (is the disk full?)");
}

}  // namespace dgsam
