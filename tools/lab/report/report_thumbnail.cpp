#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>

#include "data/encode.h"
#include "data/image.h"
#include "data/resize.h"
#include "tools/lab/report/report_mistakes.h"

namespace dgsam {
namespace {

constexpr std::size_t kSmall = 4096;  // bytes of a file that is shown as it is
constexpr int kQuality = 85;

bool browsers_show(const std::vector<std::uint8_t>& file) {
  const std::vector<std::uint8_t> png{0x89, 'P', 'N', 'G'}, jpeg{0xFF, 0xD8};
  const auto starts = [&](const auto& magic) {
    return file.size() > magic.size() && std::equal(magic.begin(), magic.end(), file.begin());
  };
  return starts(png) || starts(jpeg);
}

}  // namespace

std::vector<std::uint8_t> thumbnail(const std::filesystem::path& path, int side) {
  std::ifstream file(path, std::ios::binary);
  std::vector<std::uint8_t> bytes{std::istreambuf_iterator<char>(file), {}};
  if (bytes.size() <= kSmall && browsers_show(bytes)) return bytes;
  Image image = decode_image(bytes, path.string());
  const double scale = std::min(1.0, static_cast<double>(side) / std::max(image.width, image.height));
  if (scale < 1) {
    const auto scaled = [&](int size) { return std::max(1, static_cast<int>(size * scale + 0.5)); };
    image = resize_bilinear(image, scaled(image.width), scaled(image.height));
  }
  return encode_jpeg(image, kQuality);
}

}  // namespace dgsam
