// The IDX files that MNIST and its relatives are published in.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace dgsam {

/// An array of bytes: `values` in row-major order of `dims`, e.g. dims {60000, 28, 28}.
struct IdxArray {
  std::vector<int> dims;
  std::vector<std::uint8_t> values;
};

/// Reads an IDX file of unsigned bytes, plain or gzipped. Nothing is allocated on the word of the header alone.
/// Throws Error naming the path: missing, not IDX, not bytes, shorter or longer than its header says.
IdxArray read_idx(const std::filesystem::path& path);

}  // namespace dgsam
