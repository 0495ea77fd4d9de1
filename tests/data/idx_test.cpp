#include "data/idx.h"

#include <doctest/doctest.h>
#include <zlib.h>

#include "tests/temporary_folder.h"

using namespace dgsam;

namespace {

using namespace std::string_literals;

const std::string kTwoByThree = "\0\0\x08\x02\0\0\0\x02\0\0\0\x03"s + "abcdef";

std::filesystem::path write_gzip(const std::filesystem::path& path, const std::string& content) {
  const gzFile file = gzopen(path.c_str(), "wb");
  gzwrite(file, content.data(), static_cast<unsigned>(content.size()));
  gzclose(file);
  return path;
}

bool mentions(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("an IDX file reads the same plain and gzipped") {
  const TemporaryFolder dir;
  for (const auto& path : {write_bytes(dir / "plain", kTwoByThree), write_gzip(dir / "small.gz", kTwoByThree)}) {
    const IdxArray array = read_idx(path);
    CHECK(array.dims == std::vector<int>{2, 3});
    CHECK(std::string(array.values.begin(), array.values.end()) == "abcdef");
  }
}

TEST_CASE("an IDX header that disagrees with the file's size is refused, however absurd") {
  const TemporaryFolder dir;
  const auto refused = [&](const std::string& content) {
    const std::string error = error_of([&] { read_idx(write_bytes(dir / "bad-idx", content)); });
    return mentions(error, "bad-idx: ");
  };
  CHECK(refused(kTwoByThree + "g"));
  CHECK(refused(kTwoByThree.substr(0, 17)));
  for (std::size_t length = 0; length < 12; ++length) CHECK(refused(kTwoByThree.substr(0, length)));
  CHECK(refused("\0\0\x08\x03\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"s + "abcdef"));
  CHECK(refused("\0\0\x08\x02\0\0\0\0\0\0\0\x03"s));
  CHECK(refused("\0\0\x0D\x01\0\0\0\x01"s + "abcd"));  // floats
  CHECK(refused("PK\x03\x04 and so on"));
}

TEST_CASE("a damaged or cut gzip file is refused") {
  const TemporaryFolder dir;
  std::string content = kTwoByThree;
  content.append(4000, 'x');
  const auto path = write_gzip(dir / "whole.gz", content);
  std::ifstream file(path, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(file)), {});
  CHECK(
      mentions(error_of([&] { read_idx(write_bytes(dir / "cut.gz", bytes.substr(0, bytes.size() / 2))); }), "cut.gz"));
  bytes[bytes.size() - 6] = static_cast<char>(bytes[bytes.size() - 6] ^ 1);  // the checksum
  CHECK(mentions(error_of([&] { read_idx(write_bytes(dir / "bad.gz", bytes)); }), "bad.gz"));
  CHECK(mentions(error_of([&] { read_idx(dir / "none.gz"); }), "none.gz: no such file"));
}
