// What a file is, by its first bytes: also of the kinds that are not read, so that an error can say so.
#include <array>
#include <cstring>
#include <string_view>

#include "data/image_file.h"
#include "engine/core/check.h"

namespace dgsam {
namespace {

using namespace std::string_view_literals;

struct Magic {
  std::size_t at;
  std::string_view bytes;
  const char* what;
};

/// Kinds that turn up in folders of images.
constexpr std::array kForeign = {
    Magic{4, "ftypavif"sv, "AVIF"},
    Magic{4, "ftypavis"sv, "AVIF"},
    Magic{4, "ftyphei"sv, "HEIF"},
    Magic{4, "ftyphev"sv, "HEIF"},
    Magic{4, "ftypmif1"sv, "HEIF"},
    Magic{4, "ftypmsf1"sv, "HEIF"},
    Magic{4, "ftyp"sv, "a video (MP4)"},
    Magic{0, "\0\0\0\x0CjP  \r\n\x87\n"sv, "JPEG 2000"},
    Magic{0, "\xFF\x4F\xFF\x51"sv, "JPEG 2000"},
    Magic{0, "\0\0\0\x0CJXL \r\n\x87\n"sv, "JPEG XL"},
    Magic{0, "\xFF\x0A"sv, "JPEG XL"},
    Magic{0, "II\xBC\x01"sv, "JPEG XR"},
    Magic{0, "8BPS"sv, "a Photoshop document"},
    Magic{0, "gimp xcf"sv, "a GIMP document"},
    Magic{0, "\0\0\1\0"sv, "an icon (ICO)"},
    Magic{0, "\0\0\2\0"sv, "a cursor (CUR)"},
    Magic{0, "icns"sv, "an icon (ICNS)"},
    Magic{0, "DDS "sv, "DDS"},
    Magic{0, "qoif"sv, "QOI"},
    Magic{0, "\x76\x2F\x31\x01"sv, "OpenEXR"},
    Magic{0, "#?RADIANCE"sv, "Radiance HDR"},
    Magic{0, "\x01\xDA"sv, "SGI"},
    Magic{0, "\x59\xA6\x6A\x95"sv, "a Sun raster"},
    Magic{0, "\x0A\x05\x01"sv, "PCX"},
    Magic{4, "\x11\xAF"sv, "a FLIC animation"},
    Magic{4, "\x12\xAF"sv, "a FLIC animation"},
    Magic{0, "/* XPM */"sv, "XPM"},
    Magic{0, "SIMPLE  ="sv, "FITS"},
    Magic{128, "DICM"sv, "DICOM"},
    Magic{0, "Pf"sv, "a PFM image of floats"},
    Magic{0, "PF"sv, "a PFM image of floats"},
    Magic{0, "P7\n"sv, "PAM"},
    Magic{0, "FLIF"sv, "FLIF"},
    Magic{0, "BPG\xFB"sv, "BPG"},
    Magic{0, "RIFF"sv, "a RIFF file other than WebP"},
    Magic{0, "%PDF"sv, "a PDF document"},
    Magic{0, "%!PS"sv, "PostScript"},
    Magic{0, "\xC5\xD0\xD3\xC6"sv, "PostScript"},
    Magic{0, "<svg"sv, "SVG"},
    Magic{0, "\x93NUMPY"sv, "a NumPy array"},
    Magic{0, "PK\3\4"sv, "a zip archive"},
    Magic{0, "\x1F\x8B"sv, "compressed by gzip"},
};

/// A remedy other than converting it; null for images of other formats.
const char* no_image(std::string_view start) {
  if (start.starts_with("version https://git-lfs")) return "a Git LFS pointer, not the image: run git lfs pull";
  if (start.starts_with("<!DOCTYPE") || start.starts_with("<!doctype") || start.starts_with("<html"))
    return "a web page: the download failed";
  return nullptr;
}

}  // namespace

ImageFormat find_format(std::span<const std::uint8_t> bytes, const std::string& name) {
  const std::string_view start(reinterpret_cast<const char*>(bytes.data()), std::min<std::size_t>(bytes.size(), 256));
  if (start.starts_with("\xFF\xD8\xFF")) return ImageFormat::jpeg;
  if (start.starts_with("\x89PNG")) return ImageFormat::png;
  if (start.starts_with("BM")) return ImageFormat::bmp;
  if (start.size() > 1 && start[0] == 'P' && start[1] >= '1' && start[1] <= '6') return ImageFormat::pnm;
  if (start.starts_with("GIF8")) return ImageFormat::gif;
  if (start.starts_with("RIFF") && start.size() >= 12 && start.substr(8, 4) == "WEBP") return ImageFormat::webp;
  for (const std::string_view magic : {"II*\0"sv, "MM\0*"sv, "II+\0"sv, "MM\0+"sv}) {
    if (start.starts_with(magic)) return ImageFormat::tiff;
  }
  if (const char* what = no_image(start)) fail(name, ": is ", what);
  for (const Magic& magic : kForeign) {
    if (start.size() >= magic.at && start.substr(magic.at).starts_with(magic.bytes))
      fail(name, ": is ", magic.what, ", which is not read: convert it to PNG or JPEG");
  }
  fail(name, ": not an image of a format that is read (JPEG, PNG, BMP, PNM, GIF, WebP, TIFF)");
}

}  // namespace dgsam
