#include "data/image.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <string>

#include "data/image_file.h"
#include "tests/data/golden_source.h"
#include "tests/temporary_folder.h"

using namespace dgsam;

namespace {

const std::string kImages = DGSAM_SOURCE_DIR "/tests/golden/pil/images/";

std::span<const std::uint8_t> first_bytes(const std::vector<std::uint8_t>& bytes, std::size_t count) {
  return std::span(bytes).first(count);
}

bool mentions(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("the size that a header tells is the size that decoding gives, for files of every mode") {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kImages)) {
    CAPTURE(entry.path().string());
    Image image;
    const std::string problem = error_of([&] { image = decode_image(entry.path()); });
    if (!problem.empty()) continue;
    CHECK(image_size(entry.path()) == ImageSize{image.width, image.height});
    ++files;
  }
  CHECK(files > 100);
  const TemporaryFolder dir;
  const std::string path = write_bytes(dir / "a.jpg", "no image").string();
  CHECK(error_of([&] { image_size(path); }).find(path) == 0);
}

TEST_CASE("a written PNG reads back unchanged, also in folders and sizes that are odd") {
  const TemporaryFolder dir;
  for (const auto& [width, height] : {std::pair{1, 1}, {3, 5}, {64, 33}}) {
    const Image image = golden_source(width, height, 9);
    write_png(dir / "Ünïcode name.png", image);
    CHECK(decode_image(dir / "Ünïcode name.png") == image);
  }
}

TEST_CASE("the content decides the format, not the extension") {
  const TemporaryFolder dir;
  write_png(dir / "really-a-png.jpg", golden_source(8, 8, 1));
  CHECK(decode_image(dir / "really-a-png.jpg") == golden_source(8, 8, 1));
  std::filesystem::copy_file(kImages + "420.jpg", dir / "really-a-jpeg.png");
  CHECK(decode_image(dir / "really-a-jpeg.png").width == 33);
}

TEST_CASE("a JPEG cut short is decoded as far as it goes and reported, one cut in its header is an error") {
  for (const char* name : {"420.jpg", "progressive.jpg", "grey.jpg", "cmyk.jpg"}) {
    const std::vector<std::uint8_t> bytes = read_file(kImages + name);
    DecodeReport report;
    const Image whole = decode_image(bytes, name, &report);
    CHECK(report.format == ImageFormat::jpeg);
    CHECK_FALSE(report.truncated);
    const Image part = decode_image(first_bytes(bytes, bytes.size() - 60), name, &report);
    CHECK(report.truncated);
    CHECK(part.width == whole.width);
    CHECK(part.height == whole.height);
    CHECK_FALSE(part == whole);
    for (const std::size_t kept : {3, 40, 200})
      CHECK(mentions(error_of([&] { decode_image(first_bytes(bytes, kept), name); }), name));
  }
}

TEST_CASE("a PNG, BMP, GIF or raw PNM cut short is decoded as far as it goes and reported") {
  for (const char* name : {"rgb.png", "type3-8bit-plain.png", "alpha.png", "rgb.bmp", "palette.bmp",
                           "interlace1-23x19.gif", "rgb.ppm", "grey.pgm"}) {
    const std::vector<std::uint8_t> bytes = read_file(kImages + name);
    DecodeReport report;
    const Image whole = decode_image(bytes, name, &report);
    CHECK_FALSE(report.truncated);
    CAPTURE(name);
    const Image part = decode_image(first_bytes(bytes, bytes.size() * 3 / 4), name, &report);
    CHECK(report.truncated);
    CHECK(part.width == whole.width);
    CHECK(part.height == whole.height);
    CHECK_FALSE(part == whole);
    for (const std::size_t kept : {3, 9})
      CHECK(mentions(error_of([&] { decode_image(first_bytes(bytes, kept), name); }), name));
  }
}

TEST_CASE("a PNG without up to 16 of its last bytes is whole; with a cut note behind its pixels it is reported") {
  const std::vector<std::uint8_t> bytes = read_file(kImages + "rgb.png");
  const Image whole = decode_image(bytes, "rgb.png");
  for (std::size_t missing = 1; missing <= 16; ++missing) {
    DecodeReport report;
    CHECK(decode_image(first_bytes(bytes, bytes.size() - missing), "rgb.png", &report) == whole);
    CHECK_FALSE(report.truncated);
  }
  std::vector<std::uint8_t> noted(bytes.begin(), bytes.end() - 12);
  for (const char byte : {'\0', '\0', '\0', '\x20', 't', 'E', 'X', 't', 'T'}) noted.push_back(byte);
  DecodeReport report;
  CHECK(decode_image(noted, "noted.png", &report) == whole);
  CHECK(report.truncated);
}

TEST_CASE("what Pillow does not read cut short is an error that names the file") {
  for (const std::string name : {"text-255.pgm", "text-bits.pbm", "most100-9x5.ppm", "runs-8bit.bmp", "lossy.webp",
                                 "lossless.webp", "rgb-lzw.tif", "rgb-packbits.tif"}) {
    const std::vector<std::uint8_t> bytes = read_file(kImages + name);
    for (const double part : {0.1, 0.6, 0.9}) {
      const auto kept = static_cast<std::size_t>(part * static_cast<double>(bytes.size()));
      CHECK(mentions(error_of([&] { decode_image(first_bytes(bytes, kept), name); }), name));
    }
  }
}

TEST_CASE("bit masks stand inside BMP headers of 52 and 56 bytes as they follow one of 40") {
  const std::vector<std::uint8_t> bytes = read_file(kImages + "565-31x7.bmp");  // 40 bytes, then three masks
  const Image whole = decode_image(bytes, "40");
  for (const std::uint8_t header : {std::uint8_t{52}, std::uint8_t{56}}) {
    std::vector<std::uint8_t> longer = bytes;
    longer[14] = header;
    longer.insert(longer.begin() + 14 + 52, std::size_t{header} - 52, std::uint8_t{0});
    longer[10] = static_cast<std::uint8_t>(longer[10] + header - 52);
    CHECK(decode_image(longer, "longer") == whole);
  }
}

TEST_CASE("each damaged file has its own reason, whatever was refused before it") {
  const auto cut = [](const char* name, std::size_t kept) {
    std::vector<std::uint8_t> bytes = read_file(kImages + std::string(name));
    bytes.resize(kept);
    return bytes;
  };
  std::vector<std::vector<std::uint8_t>> files = {cut("rgb.png", 30),    cut("420.jpg", 30),     cut("rgb.bmp", 20),
                                                  cut("grey.gif", 11),   cut("grey.pgm", 4),     cut("lossy.webp", 40),
                                                  cut("rgb-lzw.tif", 9), cut("cmyk-lzw.tif", 70)};
  files.push_back(cut("rgb.png", 60));
  files.back()[30] ^= 1;  // the header's checksum
  const auto reason = [](const std::vector<std::uint8_t>& bytes) {
    return error_of([&] { decode_image(bytes, "file"); });
  };
  std::vector<std::string> forwards, backwards(files.size());
  for (const auto& file : files) forwards.push_back(reason(file));
  for (std::size_t i = files.size(); i-- > 0;) backwards[i] = reason(files[i]);
  CHECK(forwards == backwards);
  CHECK(mentions(forwards.back(), "the checksum of IHDR is wrong"));
  for (const std::string& text : forwards) CHECK(mentions(text, "file: "));
}

TEST_CASE("formats that are not read are refused by name") {
  using namespace std::string_literals;
  for (const auto& [bytes, what] : {std::pair{"\0\0\0\x20"
                                              "ftypavif"s,
                                              "AVIF"},
                                    {"\0\0\0\x18"
                                     "ftypheic"s,
                                     "HEIF"},
                                    {"\xFF\x0A"s, "JPEG XL"},
                                    {"\0\0\0\x0CjP  \r\n\x87\n"s, "JPEG 2000"},
                                    {"8BPS"s, "Photoshop"},
                                    {"version https://git-lfs.github.com/spec/v1"s, "git lfs pull"},
                                    {"<!DOCTYPE html>"s, "web page"},
                                    {"\0\0\1\0"s, "icon"},
                                    {"P7\nWIDTH 1"s, "PAM"},
                                    {"PF\n1 1"s, "PFM"}}) {
    const std::vector<std::uint8_t> file(bytes.begin(), bytes.end());
    const std::string error = error_of([&] { decode_image(file, "x.avif"); });
    CHECK(mentions(error, "x.avif: is "));
    CHECK(mentions(error, what));
  }
}

TEST_CASE("a FIFO or device is an error at once, under any name") {
  const TemporaryFolder dir;
  REQUIRE(::mkfifo((dir / "x.png").c_str(), 0600) == 0);
  CHECK(mentions(error_of([&] { decode_image(dir / "x.png"); }), "x.png: is a FIFO, not a file"));
  CHECK(mentions(error_of([&] { image_size(dir / "x.png"); }), "x.png: is a FIFO, not a file"));
  CHECK(mentions(error_of([&] { decode_image("/dev/zero"); }), "/dev/zero: is a device, not a file"));
}

TEST_CASE("missing, empty and foreign files and directories are errors that name the path") {
  const TemporaryFolder dir;
  CHECK(mentions(error_of([&] { decode_image(dir / "none.png"); }), "none.png"));
  CHECK(mentions(error_of([&] { decode_image(write_bytes(dir / "empty.png", "")); }), "empty.png: the file is empty"));
  CHECK(mentions(error_of([&] { decode_image(write_bytes(dir / "text.png", "not an image at all")); }), "text.png"));
  CHECK(mentions(error_of([&] { decode_image(write_bytes(dir / "half.jpg", "\xFF\xD8\xFF")); }), "half.jpg"));
  CHECK(mentions(error_of([&] { decode_image(dir.path()); }), "is a directory"));
  CHECK(mentions(error_of([&] { write_png(dir / "no/such/folder.png", Image(2, 2)); }), "folder.png"));
}

TEST_CASE("a header that claims an absurd size is refused before memory is asked for") {
  const std::string ppm = "P6\n99999 99999\n255\nabc";
  const std::vector<std::uint8_t> bytes(ppm.begin(), ppm.end());
  CHECK(mentions(error_of([&] { decode_image(bytes, "bomb.ppm"); }), "claims 99999 x 99999"));
  std::vector<std::uint8_t> jpeg = read_file(kImages + "grey.jpg");
  for (std::size_t at = 0; at + 8 < jpeg.size(); ++at) {
    if (jpeg[at] == 0xFF && jpeg[at + 1] == 0xC0) std::fill_n(&jpeg[at + 5], 4, std::uint8_t{0xFD});  // height, width
  }
  CHECK(mentions(error_of([&] { decode_image(jpeg, "bomb.jpg"); }), "bomb.jpg"));
  // Within Pillow's limit, but more than so few bytes can hold: 10,000 x 10,000.
  std::vector<std::uint8_t> tiff = read_file(kImages + "group4.tif");
  for (std::size_t at = 0; at + 12 < tiff.size(); ++at) {
    const bool size_field = tiff[at + 1] == 1 && (tiff[at] == 0 || tiff[at] == 1) && tiff[at + 4] == 1;
    if (size_field) tiff[at + 8] = 0x10, tiff[at + 9] = 0x27;
  }
  CHECK(mentions(error_of([&] { decode_image(tiff, "bomb.tif"); }), have_tiff() ? "claims 10000 x 10000" : "is TIFF"));
  std::vector<std::uint8_t> webp = read_file(kImages + "lossless.webp");
  for (const std::size_t at : {21, 22, 23}) webp[at] = 0xFF;  // 14 bits of width, 14 of height,
  webp[24] |= 0x0F;                                           // both less 1
  CHECK(mentions(error_of([&] { decode_image(webp, "bomb.webp"); }), have_webp() ? "claims 16384 x 16384" : "is WebP"));
}
