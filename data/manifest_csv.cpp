#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>

#include "data/manifest_rows.h"
#include "engine/core/check.h"

namespace dgsam {
namespace {

/// Fields of RFC 4180, record by record.
class CsvReader {
 public:
  CsvReader(std::string_view text, const std::string& name) : text_(text), name_(name) {
    if (text_.starts_with("\xEF\xBB\xBF")) text_.remove_prefix(3);  // Excel's UTF-8 begins so
  }

  /// False at the end. Lines without anything are skipped.
  bool next(std::vector<std::string>& fields) {
    while (at_ < text_.size() && (text_[at_] == '\n' || text_[at_] == '\r')) step();
    fields.clear();
    if (at_ == text_.size()) return false;
    line_ = here_;
    do {
      fields.push_back(text_.substr(at_).starts_with('"') ? quoted() : plain());
    } while (take(','));
    require(at_ == text_.size() || text_[at_] == '\n' || text_[at_] == '\r', name_, " line ", line_,
            ": there is text behind a closing quote; a quote within a field is written as two");
    return true;
  }
  /// Of the record's first field.
  std::int64_t line() const { return line_; }

 private:
  void step() { here_ += text_[at_++] == '\n'; }
  bool take(char letter) {
    if (at_ == text_.size() || text_[at_] != letter) return false;
    step();
    return true;
  }
  std::string plain() {
    const std::size_t end = std::min(text_.find_first_of(",\r\n", at_), text_.size());
    const std::string field(text_.substr(at_, end - at_));
    at_ = end;
    return field;
  }
  std::string quoted() {
    std::string field;
    step();
    for (;;) {
      require(at_ < text_.size(), name_, " line ", line_, ": a quoted field does not end");
      if (take('"')) {
        if (!take('"')) return field;
        field += '"';
      } else {
        field += text_[at_];
        step();
      }
    }
  }

  std::string_view text_;
  const std::string& name_;
  std::size_t at_ = 0;
  std::int64_t here_ = 1, line_ = 1;
};

constexpr std::array kColumns = {"path", "domain", "label", "split"};

}  // namespace

ManifestRows read_csv_rows(std::string_view text, const std::string& name) {
  CsvReader reader(text, name);
  std::vector<std::string> fields;
  require(reader.next(fields), name, ": is empty; expected a header line with path,domain,label[,split]");
  ManifestRows result;
  std::array<std::optional<std::size_t>, kColumns.size()> places;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const auto column = std::find(kColumns.begin(), kColumns.end(), fields[i]) - kColumns.begin();
    if (column == std::ssize(kColumns)) {
      result.ignored.push_back(fields[i]);
      continue;
    }
    auto& place = places[static_cast<std::size_t>(column)];
    require(!place, name, " line ", reader.line(), ": has the column \"", fields[i], "\" twice");
    place = i;
  }
  for (const std::size_t column : {0U, 1U, 2U}) {
    const bool other_separator = fields.size() == 1 && fields[0].find_first_of(";\t") != std::string::npos;
    require(places[column].has_value(), name, " line ", reader.line(), ": has no column \"", kColumns[column],
            "\"; expected a header line with path,domain,label[,split]",
            other_separator ? ", separated by commas" : "");
  }
  const std::size_t columns = fields.size();
  while (reader.next(fields)) {
    require(fields.size() == columns, name, " line ", reader.line(), ": has ", fields.size(), " fields, the header ",
            columns, "; a path with a comma is written in quotes");
    const auto field = [&](std::size_t column) { return places[column] ? fields[*places[column]] : std::string(); };
    result.rows.push_back({reader.line(), field(0), field(1), field(2), field(3)});
    check_row(result.rows.back(), name);
  }
  return result;
}

}  // namespace dgsam
