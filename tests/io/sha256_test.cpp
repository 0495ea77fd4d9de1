#include "engine/io/sha256.h"

#include <doctest/doctest.h>

#include <algorithm>

using namespace dgsam;

namespace {

std::string hash(const std::string& text, std::size_t piece = 1 << 20) {
  Sha256 sha;
  const auto bytes = std::as_bytes(std::span(text.data(), text.size()));
  for (std::size_t at = 0; at < bytes.size(); at += piece)
    sha.add(bytes.subspan(at, std::min(piece, bytes.size() - at)));
  return sha.hex();
}

}  // namespace

TEST_CASE("SHA-256 gives the standard's examples, in one piece and in many") {
  CHECK(hash("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(hash("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  const std::string two_blocks = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
  CHECK(hash(two_blocks) == "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(hash(two_blocks, 3) == hash(two_blocks));
  const std::string million(1000000, 'a');
  CHECK(hash(million) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  CHECK(hash(million, 977) == hash(million));
}

TEST_CASE("SHA-256 pads every length around a block as Python's hashlib does") {
  const auto begins = [](std::size_t length, const std::string& digits) {
    CHECK(hash(std::string(length, 'x')).starts_with(digits));
  };
  begins(55, "d5e285683cd4efc0");
  begins(56, "04c26261370ee754");
  begins(63, "75220b47218278e6");
  begins(64, "7ce100971f64e700");
}
