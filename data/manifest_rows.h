// The rows of a manifest, whichever form it has.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace dgsam {

struct ManifestRow {
  std::int64_t line = 0;  ///< where it begins, from 1
  std::string path{}, domain{}, label{};
  std::string split{};  ///< "in", "out", or "" where the row does not say
};

struct ManifestRows {
  std::vector<ManifestRow> rows;
  std::vector<std::string> ignored;  ///< columns or keys that mean nothing here
};

/// `name` stands for the file in errors, which name the line. No row has an empty path, domain or label.
ManifestRows read_csv_rows(std::string_view text, const std::string& name);
ManifestRows read_json_rows(std::string_view text, const std::string& name);

/// Throws Error unless the row has all that it must.
void check_row(const ManifestRow& row, const std::string& name);

}  // namespace dgsam
