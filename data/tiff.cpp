// The first page of a TIFF through libtiff, to the pixels that Pillow makes of it. Rows that are not compressed are
// taken from the file directly, so that a file that ends early has as many as there are, as in Pillow.
#include "data/image_bytes.h"
#include "data/image_file.h"

#ifdef DGSAM_HAVE_TIFF

#include <tiffio.h>

#include <bit>
#include <cstring>
#include <limits>
#include <memory>

namespace dgsam {
namespace {

/// What libtiff's callbacks work on: the file, the place in it, and the first thing that libtiff complains about.
struct Memory {
  std::span<const std::uint8_t> bytes;
  std::size_t at = 0;
  std::string problem;
};

tmsize_t read_memory(thandle_t handle, void* out, tmsize_t count) {
  auto& memory = *static_cast<Memory*>(handle);
  const std::size_t at = std::min(memory.at, memory.bytes.size());
  const std::size_t most = std::min(static_cast<std::size_t>(count), memory.bytes.size() - at);
  std::copy_n(memory.bytes.begin() + static_cast<std::ptrdiff_t>(at), most, static_cast<std::uint8_t*>(out));
  memory.at = at + most;
  return static_cast<tmsize_t>(most);
}

toff_t seek_memory(thandle_t handle, toff_t offset, int whence) {
  auto& memory = *static_cast<Memory*>(handle);
  memory.at = offset + (whence == SEEK_CUR ? memory.at : whence == SEEK_END ? memory.bytes.size() : 0);
  return memory.at;
}

int keep_problem(TIFF*, void* memory, const char*, const char* format, va_list values) {
  char text[200];
  std::vsnprintf(text, sizeof text, format, values);
  std::string& problem = static_cast<Memory*>(memory)->problem;
  if (problem.empty()) problem = text;
  return 1;  // the global handler, which prints, is not called
}

struct CloseTiff {
  void operator()(TIFF* tiff) const { TIFFClose(tiff); }
};
using Tiff = std::unique_ptr<TIFF, CloseTiff>;

Tiff open_tiff(Memory& memory) {
  const std::unique_ptr<TIFFOpenOptions, void (*)(TIFFOpenOptions*)> options(TIFFOpenOptionsAlloc(),
                                                                             TIFFOpenOptionsFree);
  constexpr tmsize_t kMostMemory = tmsize_t{1} << 29;
  TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), kMostMemory);
  TIFFOpenOptionsSetErrorHandlerExtR(options.get(), keep_problem, &memory);
  TIFFOpenOptionsSetWarningHandlerExtR(
      options.get(), [](TIFF*, void*, const char*, const char*, va_list) { return 1; }, nullptr);
  return Tiff(TIFFClientOpenExt(
      "TIFF", "rm", &memory, read_memory, [](thandle_t, void*, tmsize_t) -> tmsize_t { return 0; }, seek_memory,
      [](thandle_t) { return 0; },
      [](thandle_t handle) -> toff_t { return static_cast<Memory*>(handle)->bytes.size(); }, nullptr, nullptr,
      options.get()));
}

/// A page's fields, with the values that Pillow takes for missing ones.
struct Page {
  std::uint32_t width = 0, height = 0;
  std::uint16_t bits = 1, samples = 1, photometric = PHOTOMETRIC_MINISWHITE, compression = COMPRESSION_NONE;
  std::uint16_t planar = PLANARCONFIG_CONTIG, format = SAMPLEFORMAT_UINT, orientation = 0, fill = FILLORDER_MSB2LSB;
  bool premultiplied = false;  // an alpha that the colours are multiplied by
  bool little_endian = true, swapped = false;
  std::array<const std::uint16_t*, 3> colours{};

  bool grey() const { return photometric == PHOTOMETRIC_MINISWHITE || photometric == PHOTOMETRIC_MINISBLACK; }
  bool palette() const { return photometric == PHOTOMETRIC_PALETTE; }
  bool ycbcr() const { return photometric == PHOTOMETRIC_YCBCR; }
  /// How many of a pixel's samples count.
  int used() const { return grey() || palette() ? 1 : photometric == PHOTOMETRIC_SEPARATED || premultiplied ? 4 : 3; }
  bool separate() const { return planar == PLANARCONFIG_SEPARATE && samples > 1; }
  /// libjpeg turns these into RGB.
  bool jpeg_ycbcr() const { return ycbcr() && compression == COMPRESSION_JPEG && !separate(); }
};

Page read_page(TIFF* tiff) {
  Page page;
  TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &page.width);
  TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &page.height);
  TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &page.photometric);
  TIFFGetField(tiff, TIFFTAG_ORIENTATION, &page.orientation);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_BITSPERSAMPLE, &page.bits);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLESPERPIXEL, &page.samples);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_COMPRESSION, &page.compression);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_PLANARCONFIG, &page.planar);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLEFORMAT, &page.format);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_FILLORDER, &page.fill);
  std::uint16_t extras = 0, *kinds = nullptr;
  TIFFGetFieldDefaulted(tiff, TIFFTAG_EXTRASAMPLES, &extras, &kinds);
  page.premultiplied = page.photometric == PHOTOMETRIC_RGB && extras > 0 && kinds[0] == EXTRASAMPLE_ASSOCALPHA;
  page.swapped = TIFFIsByteSwapped(tiff) != 0;
  if (page.palette() && TIFFGetField(tiff, TIFFTAG_COLORMAP, &page.colours[0], &page.colours[1], &page.colours[2]) == 0)
    page.colours = {};
  if (page.compression == COMPRESSION_OJPEG) page.photometric = PHOTOMETRIC_YCBCR;
  return page;
}

void check_page(const Page& page, const std::string& name) {
  const bool integers = page.format == SAMPLEFORMAT_UINT || page.format == SAMPLEFORMAT_VOID;
  const bool bytes = integers && (page.bits == 8 || page.bits == 16);
  bool known = false;
  switch (page.photometric) {
    case PHOTOMETRIC_MINISWHITE:
    case PHOTOMETRIC_MINISBLACK:
      known = (integers && (page.bits == 1 || page.bits == 2 || page.bits == 4 || page.bits == 12)) || bytes ||
              (page.format == SAMPLEFORMAT_INT && (page.bits == 8 || page.bits == 16)) || page.bits == 32;
      break;
    case PHOTOMETRIC_PALETTE:
      known = integers && page.bits <= 8 && (page.bits & (page.bits - 1)) == 0 && page.colours[0] != nullptr;
      break;
    case PHOTOMETRIC_RGB:
    case PHOTOMETRIC_SEPARATED:
      known = bytes && page.samples >= page.used();
      break;
    case PHOTOMETRIC_YCBCR:
      known = integers && page.bits == 8 && (page.samples >= page.used() || !page.jpeg_ycbcr());
      break;
    default:
      break;
  }
  const int most_samples = page.grey() || page.palette() ? 2 : 6;  // as Pillow
  require(known && page.samples <= most_samples && (page.samples == 1 || page.bits % 8 == 0), name,
          ": a TIFF of photometric ", page.photometric, ", ", page.samples, " samples of ", page.bits,
          " bits in format ", page.format, ", is not read: convert it to PNG");
}

/// The byte that stands for the sample `index` of a row.
std::uint8_t sample_byte(const Page& page, const std::uint8_t* row, std::size_t index) {
  const auto cut = [](auto value) {  // as Pillow converts what is wider than a byte
    return static_cast<std::uint8_t>(value > 0 ? (value < 255 ? value : 255) : 0);
  };
  if (page.bits < 8 || page.bits == 12) {
    std::uint32_t value = 0;
    for (std::size_t bit = index * page.bits; bit < (index + 1) * page.bits; ++bit)
      value = value << 1 | (row[bit / 8] >> (7 - bit % 8) & 1u);
    if (page.palette()) return static_cast<std::uint8_t>(value);
    if (page.bits == 12) return cut(value);
    const std::uint32_t grey = value * 255 / ((1u << page.bits) - 1);
    return static_cast<std::uint8_t>(page.photometric == PHOTOMETRIC_MINISWHITE ? 255 - grey : grey);
  }
  if (page.bits == 8)
    return static_cast<std::uint8_t>(page.photometric == PHOTOMETRIC_MINISWHITE ? 255 - row[index] : row[index]);
  if (page.bits == 16) {
    std::uint16_t value = 0;
    std::memcpy(&value, row + 2 * index, 2);
    if (!page.grey()) return static_cast<std::uint8_t>(value >> 8);
    return page.format == SAMPLEFORMAT_INT ? cut(static_cast<std::int16_t>(value)) : cut(value);
  }
  std::uint32_t value = 0;
  std::memcpy(&value, row + 4 * index, 4);
  if (page.format == SAMPLEFORMAT_IEEEFP) return cut(std::bit_cast<float>(value));
  return cut(static_cast<std::int32_t>(value));
}

/// The blocks, strips or tiles, that a page's samples are stored in.
struct Blocks {
  std::uint32_t width = 0, height = 0;
  tmsize_t bytes = 0, row_bytes = 0;
  bool tiled = false;
};

Blocks find_blocks(TIFF* tiff, const Page& page, const std::string& name) {
  Blocks blocks;
  blocks.tiled = TIFFIsTiled(tiff) != 0;
  if (blocks.tiled) {
    TIFFGetField(tiff, TIFFTAG_TILEWIDTH, &blocks.width);
    TIFFGetField(tiff, TIFFTAG_TILELENGTH, &blocks.height);
    blocks.bytes = TIFFTileSize(tiff);
    blocks.row_bytes = TIFFTileRowSize(tiff);
  } else {
    blocks.width = page.width;
    TIFFGetFieldDefaulted(tiff, TIFFTAG_ROWSPERSTRIP, &blocks.height);
    blocks.height = std::min(blocks.height, page.height);
    blocks.bytes = TIFFStripSize(tiff);
    blocks.row_bytes = TIFFScanlineSize(tiff);
  }
  constexpr std::uint64_t kFewBytes = 64 << 20;
  const std::uint64_t pixels = std::uint64_t{page.width} * page.height;
  const std::uint64_t samples = page.separate() ? 1 : page.samples;
  require(blocks.width > 0 && blocks.height > 0 && blocks.row_bytes > 0 &&
              static_cast<std::uint64_t>(blocks.row_bytes) >= (blocks.width * samples * page.bits + 7) / 8 &&
              static_cast<std::uint64_t>(blocks.bytes) >= std::uint64_t{blocks.height} * blocks.row_bytes &&
              static_cast<std::uint64_t>(blocks.bytes) <= std::max(kFewBytes, 2 * pixels * samples * page.bits / 8),
          name, ": damaged TIFF (blocks of ", blocks.width, " x ", blocks.height, " pixels)");
  return blocks;
}

class TiffReader {
 public:
  TiffReader(TIFF* tiff, const Page& page, const Memory& memory, const std::string& name)
      : tiff_(tiff), page_(page), memory_(memory), name_(name) {}

  /// The used samples of every pixel, a byte each; those that are missing are 0.
  std::vector<std::uint8_t> read(bool& truncated) {
    if (page_.jpeg_ycbcr()) TIFFSetField(tiff_, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
    blocks_ = find_blocks(tiff_, page_, name_);
    block_.resize(static_cast<std::size_t>(blocks_.bytes));
    samples_.resize(std::size_t{page_.width} * page_.height * page_.used());
    const int planes = page_.separate() ? page_.used() : 1;
    for (int plane = 0; plane < planes; ++plane) {
      for (std::uint32_t y = 0; y < page_.height; y += blocks_.height) {
        for (std::uint32_t x = 0; x < page_.width; x += blocks_.width)
          truncated = !read_block(x, y, plane) || truncated;
      }
    }
    return std::move(samples_);
  }

 private:
  /// False when rows are missing.
  bool read_block(std::uint32_t x, std::uint32_t y, int plane) {
    const auto layer = static_cast<std::uint16_t>(plane);
    const std::uint32_t block =
        blocks_.tiled ? TIFFComputeTile(tiff_, x, y, 0, layer) : TIFFComputeStrip(tiff_, y, layer);
    const std::uint32_t width = std::min(blocks_.width, page_.width - x);
    const std::uint32_t height = std::min(blocks_.height, page_.height - y);
    std::uint32_t rows = height;
    if (page_.compression == COMPRESSION_NONE) {
      rows = copy_rows(TIFFGetStrileOffset(tiff_, block), width, height);
    } else {
      const tmsize_t read = blocks_.tiled ? TIFFReadEncodedTile(tiff_, block, block_.data(), blocks_.bytes)
                                          : TIFFReadEncodedStrip(tiff_, block, block_.data(), blocks_.bytes);
      require(read >= 0, name_, ": truncated or damaged TIFF (", memory_.problem, ")");
    }
    for (std::uint32_t row = 0; row < rows; ++row) put_row(x, y + row, width, plane, row);
    return rows == height;
  }

  /// Rows that are stored as they are, as far as the file goes. Pillow does not look at how long a block claims to be.
  std::uint32_t copy_rows(std::uint64_t offset, std::uint32_t width, std::uint32_t height) {
    const std::size_t samples = page_.separate() ? 1 : page_.samples;
    const std::size_t seen = (width * samples * page_.bits + 7) / 8;
    const ImageBytes in(memory_.bytes, name_);
    const std::size_t row_bytes = static_cast<std::size_t>(blocks_.row_bytes);
    for (std::uint32_t row = 0; row < height; ++row) {
      const std::size_t at = std::min<std::uint64_t>(offset, in.size()) + row * row_bytes;
      const auto bytes = in.rest(at, seen);
      if (bytes.size() < seen || offset == 0) return row;
      std::uint8_t* const out = &block_[row * row_bytes];
      std::copy(bytes.begin(), bytes.end(), out);
      if (page_.fill == FILLORDER_LSB2MSB) TIFFReverseBits(out, static_cast<tmsize_t>(seen));
      if (page_.swapped && page_.bits == 16)
        TIFFSwabArrayOfShort(reinterpret_cast<std::uint16_t*>(out), static_cast<tmsize_t>(seen / 2));
      if (page_.swapped && page_.bits == 32)
        TIFFSwabArrayOfLong(reinterpret_cast<std::uint32_t*>(out), static_cast<tmsize_t>(seen / 4));
    }
    return height;
  }

  void put_row(std::uint32_t x, std::uint32_t y, std::uint32_t width, int plane, std::uint32_t block_row) {
    const std::uint8_t* const row = &block_[std::size_t{block_row} * static_cast<std::size_t>(blocks_.row_bytes)];
    const std::size_t used = static_cast<std::size_t>(page_.used()), step = page_.separate() ? 1 : page_.samples;
    const std::size_t count = page_.separate() ? 1 : used;
    std::uint8_t* out = &samples_[(std::size_t{page_.width} * y + x) * used + static_cast<std::size_t>(plane)];
    for (std::size_t pixel = 0; pixel < width; ++pixel, out += used) {
      for (std::size_t sample = 0; sample < count; ++sample)
        out[sample] = sample_byte(page_, row, pixel * step + sample);
    }
  }

  TIFF* tiff_;
  const Page& page_;
  const Memory& memory_;
  const std::string& name_;
  Blocks blocks_;
  std::vector<std::uint8_t> block_, samples_;
};

Image to_rgb(const Page& page, const std::vector<std::uint8_t>& samples) {
  Image image(static_cast<int>(page.width), static_cast<int>(page.height));
  const std::size_t used = static_cast<std::size_t>(page.used());
  for (std::size_t pixel = 0; pixel < samples.size() / used; ++pixel) {
    const std::uint8_t* const in = &samples[pixel * used];
    std::uint8_t* const out = &image.rgb[3 * pixel];
    if (page.grey()) {
      std::fill_n(out, 3, in[0]);
    } else if (page.palette()) {
      for (std::size_t c = 0; c < 3; ++c) out[c] = static_cast<std::uint8_t>(page.colours[c][in[0]] >> 8);
    } else if (page.photometric == PHOTOMETRIC_SEPARATED) {
      cmyk_to_rgb(in, out);
    } else if (page.premultiplied) {
      for (std::size_t c = 0; c < 3; ++c)
        out[c] = static_cast<std::uint8_t>(in[3] == 0 ? 0 : std::min(255, in[c] * 255 / in[3]));
    } else {
      std::copy_n(in, 3, out);
    }
  }
  return image;
}

/// Colours stored as luminance and chroma of fewer pixels: libtiff's own conversion, as in Pillow.
Image read_ycbcr(TIFF* tiff, const Page& page, const Memory& memory, const std::string& name) {
  char problem[1024] = "";
  TIFFRGBAImage source;
  require(TIFFRGBAImageOK(tiff, problem) != 0 && TIFFRGBAImageBegin(&source, tiff, 1, problem) != 0, name,
          ": a TIFF that is not read (", problem, ")");
  const std::unique_ptr<TIFFRGBAImage, void (*)(TIFFRGBAImage*)> end(&source, TIFFRGBAImageEnd);
  source.orientation = source.req_orientation = ORIENTATION_TOPLEFT;
  std::vector<std::uint32_t> raster(std::size_t{page.width} * page.height);
  require(TIFFRGBAImageGet(&source, raster.data(), page.width, page.height) != 0, name, ": truncated or damaged TIFF (",
          memory.problem, ")");
  Image image(static_cast<int>(page.width), static_cast<int>(page.height));
  for (std::size_t pixel = 0; pixel < raster.size(); ++pixel) {
    for (std::size_t c = 0; c < 3; ++c) image.rgb[3 * pixel + c] = static_cast<std::uint8_t>(raster[pixel] >> (8 * c));
  }
  return image;
}

/// Turned and mirrored as the orientation field says.
Image oriented(Image stored, int orientation) {
  if (orientation < ORIENTATION_TOPRIGHT || orientation > ORIENTATION_LEFTBOT) return stored;
  const bool swapped = orientation >= ORIENTATION_LEFTTOP;
  const bool from_right = orientation == ORIENTATION_TOPRIGHT || orientation == ORIENTATION_BOTRIGHT ||
                          orientation == ORIENTATION_RIGHTBOT || orientation == ORIENTATION_LEFTBOT;
  const bool from_bottom = orientation == ORIENTATION_BOTRIGHT || orientation == ORIENTATION_BOTLEFT ||
                           orientation == ORIENTATION_RIGHTTOP || orientation == ORIENTATION_RIGHTBOT;
  Image image(swapped ? stored.height : stored.width, swapped ? stored.width : stored.height);
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) {
      const int along = swapped ? y : x, down = swapped ? x : y;
      const int from_x = from_right ? stored.width - 1 - along : along;
      const int from_y = from_bottom ? stored.height - 1 - down : down;
      std::copy_n(stored.row(from_y) + std::ptrdiff_t{3} * from_x, 3, image.row(y) + std::ptrdiff_t{3} * x);
    }
  }
  return image;
}

}  // namespace

bool have_tiff() { return true; }

Image decode_tiff(std::span<const std::uint8_t> bytes, const std::string& name, bool& truncated) {
  Memory memory{bytes, 0, {}};
  const Tiff tiff = open_tiff(memory);
  require(tiff != nullptr, name, ": truncated or damaged TIFF (", memory.problem, ")");
  const Page page = read_page(tiff.get());
  require_plausible_size(page.width, page.height, bytes.size(), name);
  check_page(page, name);
  if (page.ycbcr() && !page.jpeg_ycbcr()) return oriented(read_ycbcr(tiff.get(), page, memory, name), page.orientation);
  TiffReader reader(tiff.get(), page, memory, name);
  return oriented(to_rgb(page, reader.read(truncated)), page.orientation);
}

}  // namespace dgsam

#else

namespace dgsam {

bool have_tiff() { return false; }

Image decode_tiff(std::span<const std::uint8_t>, const std::string& name, bool&) {
  fail(name, ": is TIFF, which this build does not read: install libtiff-dev and build again, or convert it to PNG");
}

}  // namespace dgsam

#endif
