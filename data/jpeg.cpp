// JPEG through libjpeg, fed as Pillow's decoder feeds it, so that whole and cut-short files give Pillow's pixels.
#include <csetjmp>
// jpeglib.h needs stdio's declarations before it.
#include <cstdio>
#include <cstdlib>
// clang-format off
#include <jpeglib.h>
// clang-format on

#include "data/encode.h"
#include "data/image_bytes.h"
#include "data/image_file.h"
#include "engine/core/check.h"

namespace dgsam {
namespace {

/// Legal progressive files have a few dozen scans; thousands of empty ones would only cost time.
constexpr int kMostScans = 500;

enum class Progress { finished, out_of_bytes, failed };

/// One file being decompressed. libjpeg reports a fatal error by calling fail_out, which must not return: it jumps back
/// into the member function that called libjpeg, so those functions hold no object with a destructor.
class Decompressor {
 public:
  Decompressor() {
    info_.err = jpeg_std_error(&errors_);
    errors_.error_exit = fail_out;
    errors_.output_message = [](j_common_ptr) {};
    info_.client_data = this;
    if (setjmp(on_error_) != 0) return;  // only for a library of another version: every later call fails as well
    jpeg_create_decompress(&info_);
    source_.init_source = [](j_decompress_ptr) {};
    source_.fill_input_buffer = [](j_decompress_ptr) -> boolean { return FALSE; };  // pause: all there is was given
    source_.skip_input_data = skip;
    source_.resync_to_restart = jpeg_resync_to_restart;
    source_.term_source = [](j_decompress_ptr) {};
    info_.src = &source_;
    monitor_.progress_monitor = check_scans;
    info_.progress = &monitor_;
  }
  ~Decompressor() { jpeg_destroy_decompress(&info_); }
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;

  /// The bytes to go on with, starting with those that unread() returned.
  void feed(std::span<const std::uint8_t> bytes) {
    source_.next_input_byte = bytes.data();
    source_.bytes_in_buffer = bytes.size();
    const std::size_t pending = pending_skip_;
    pending_skip_ = 0;
    skip(&info_, static_cast<long>(pending));
  }
  std::span<const std::uint8_t> unread() const { return {source_.next_input_byte, source_.bytes_in_buffer}; }

  /// Reads up to the first scan.
  Progress read_header() {
    if (setjmp(on_error_) != 0) return Progress::failed;
    int result = JPEG_HEADER_TABLES_ONLY;
    while (result == JPEG_HEADER_TABLES_ONLY) result = jpeg_read_header(&info_, FALSE);
    return result == JPEG_SUSPENDED ? Progress::out_of_bytes : Progress::finished;
  }

  /// Writes rows in `space` from where the last call ended; `pixels` is the first row of the image.
  Progress read_rows(J_COLOR_SPACE space, std::uint8_t* pixels, std::size_t row_bytes) {
    if (setjmp(on_error_) != 0) return Progress::failed;
    if (!started_) {
      info_.out_color_space = space;
      if (!jpeg_start_decompress(&info_)) return Progress::out_of_bytes;
      started_ = true;
    }
    while (info_.output_scanline < info_.output_height) {
      JSAMPROW row = pixels + row_bytes * info_.output_scanline;
      if (jpeg_read_scanlines(&info_, &row, 1) != 1) return Progress::out_of_bytes;
    }
    return Progress::finished;
  }

  const jpeg_decompress_struct& info() const { return info_; }
  int rows() const { return started_ ? static_cast<int>(info_.output_scanline) : 0; }
  const char* message() const { return message_; }

 private:
  [[noreturn]] static void fail_out(j_common_ptr info) {
    auto* self = static_cast<Decompressor*>(info->client_data);
    info->err->format_message(info, self->message_);
    std::longjmp(self->on_error_, 1);
  }
  static void skip(j_decompress_ptr info, long count) {
    auto* self = static_cast<Decompressor*>(info->client_data);
    const auto wanted = static_cast<std::size_t>(count > 0 ? count : 0);
    const std::size_t here = wanted < info->src->bytes_in_buffer ? wanted : info->src->bytes_in_buffer;
    info->src->next_input_byte += here;
    info->src->bytes_in_buffer -= here;
    self->pending_skip_ += wanted - here;
  }
  static void check_scans(j_common_ptr info) {
    if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number <= kMostScans) return;
    auto* self = static_cast<Decompressor*>(info->client_data);
    std::snprintf(self->message_, sizeof self->message_, "more than %d scans", kMostScans);
    std::longjmp(self->on_error_, 1);
  }

  jpeg_decompress_struct info_{};
  jpeg_error_mgr errors_{};
  jpeg_source_mgr source_{};
  jpeg_progress_mgr monitor_{};
  std::jmp_buf on_error_;
  char message_[JMSG_LENGTH_MAX] = "";
  std::size_t pending_skip_ = 0;  // bytes to ignore of what feed() brings next
  bool started_ = false;
};

/// Adobe's inverted CMYK, the only kind found in JPEG files.
Image inverted_cmyk_to_rgb(const std::vector<std::uint8_t>& cmyk, int width, int height) {
  Image image(width, height);
  for (std::size_t pixel = 0; pixel < cmyk.size() / 4; ++pixel) {
    std::array<std::uint8_t, 4> ink{};
    for (std::size_t c = 0; c < 4; ++c) ink[c] = static_cast<std::uint8_t>(255 - cmyk[4 * pixel + c]);
    cmyk_to_rgb(ink.data(), &image.rgb[3 * pixel]);
  }
  return image;
}

/// Reads the rows from the file, then, when it ends early, what an end marker put after it brings out, as Pillow does.
/// Returns whether the file ended early or, which Pillow treats alike, was found damaged after some rows.
bool read_all_rows(Decompressor& decompressor, J_COLOR_SPACE space, std::vector<std::uint8_t>& pixels,
                   const std::string& name) {
  const std::size_t row_bytes = pixels.size() / decompressor.info().image_height;
  const Progress progress = decompressor.read_rows(space, pixels.data(), row_bytes);
  require(progress != Progress::failed || decompressor.rows() > 0, name, ": damaged JPEG (", decompressor.message(),
          ")");
  if (progress == Progress::out_of_bytes) {
    const std::span<const std::uint8_t> unread = decompressor.unread();
    std::vector<std::uint8_t> rest(unread.begin(), unread.end());
    rest.insert(rest.end(), {0xFF, JPEG_EOI});
    decompressor.feed(rest);
    decompressor.read_rows(space, pixels.data(), row_bytes);  // an end inside a table may make no sense: no more rows
  }
  return progress != Progress::finished;
}

}  // namespace

Image decode_jpeg(std::span<const std::uint8_t> bytes, const std::string& name, bool& truncated) {
  Decompressor decompressor;
  decompressor.feed(bytes);
  const Progress header = decompressor.read_header();
  require(header != Progress::out_of_bytes, name, ": truncated JPEG (it ends before the image begins)");
  require(header == Progress::finished, name, ": damaged JPEG (", decompressor.message(), ")");

  const jpeg_decompress_struct& info = decompressor.info();
  require_plausible_size(info.image_width, info.image_height, bytes.size(), name);
  const int width = static_cast<int>(info.image_width), height = static_cast<int>(info.image_height);
  const int components = info.num_components;
  require(components == 1 || components == 3 || components == 4, name, ": a JPEG of ", components,
          " components; 1, 3 and 4 are read");
  if (components == 4) {
    std::vector<std::uint8_t> cmyk(std::size_t{4} * static_cast<std::size_t>(width) * height, 255);  // no ink
    truncated = read_all_rows(decompressor, JCS_CMYK, cmyk, name);
    return inverted_cmyk_to_rgb(cmyk, width, height);
  }
  Image image(width, height);
  truncated = read_all_rows(decompressor, JCS_RGB, image.rgb, name);
  return image;
}

std::optional<ImageSize> jpeg_size(std::span<const std::uint8_t> bytes) {
  Decompressor decompressor;
  decompressor.feed(bytes);
  if (decompressor.read_header() != Progress::finished) return std::nullopt;
  const jpeg_decompress_struct& info = decompressor.info();
  return ImageSize{static_cast<int>(info.image_width), static_cast<int>(info.image_height)};
}

namespace {

/// libjpeg's errors as C++ cannot be thrown through it: back to encode_jpeg().
struct EncodeErrors {
  jpeg_error_mgr base{};
  std::jmp_buf on_error;
};

/// Holds no object with a destructor, because a fatal error jumps back into it. False when it failed.
bool compress(const Image& image, int quality, unsigned char** bytes, unsigned long* size) {
  jpeg_compress_struct info{};
  EncodeErrors errors;
  info.err = jpeg_std_error(&errors.base);
  errors.base.error_exit = [](j_common_ptr failed) {
    std::longjmp(reinterpret_cast<EncodeErrors*>(failed->err)->on_error, 1);
  };
  if (setjmp(errors.on_error) != 0) {
    jpeg_destroy_compress(&info);
    return false;
  }
  jpeg_create_compress(&info);
  jpeg_mem_dest(&info, bytes, size);
  info.image_width = static_cast<JDIMENSION>(image.width);
  info.image_height = static_cast<JDIMENSION>(image.height);
  info.input_components = 3;
  info.in_color_space = JCS_RGB;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, quality, TRUE);
  jpeg_start_compress(&info, TRUE);
  while (info.next_scanline < info.image_height) {
    JSAMPROW row = const_cast<JSAMPROW>(image.row(static_cast<int>(info.next_scanline)));  // is only read
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  return true;
}

}  // namespace

std::vector<std::uint8_t> encode_jpeg(const Image& image, int quality) {
  unsigned char* data = nullptr;
  unsigned long size = 0;
  const bool encoded = compress(image, quality, &data, &size);
  std::vector<std::uint8_t> bytes;
  if (encoded) bytes.assign(data, data + size);
  std::free(data);
  require(encoded, "an image of ", image.width, " x ", image.height, " pixels cannot be encoded as JPEG");
  return bytes;
}

}  // namespace dgsam
