#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "data/manifest_rows.h"
#include "engine/core/check.h"

namespace dgsam {
namespace {

/// Reads the text for the parser and counts its lines, which the parser does not tell.
class LineCounter {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = char;

  LineCounter(const char* at, std::int64_t* line) : at_(at), line_(line) {}
  char operator*() const { return *at_; }
  LineCounter& operator++() {
    *line_ += *at_++ == '\n';
    return *this;
  }
  LineCounter operator++(int) {
    const LineCounter before = *this;
    ++*this;
    return before;
  }
  bool operator==(const LineCounter& other) const { return at_ == other.at_; }

 private:
  const char* at_;
  std::int64_t* line_;
};

/// Takes [{"path": ..., ...}, ...] as it is parsed.
class Taker : public nlohmann::json_sax<nlohmann::json> {
 public:
  Taker(const std::string& name, const std::int64_t& line) : name_(name), line_(line) {}

  bool null() override { return value("null", false); }
  bool boolean(bool truth) override { return value(truth ? "true" : "false", false); }
  bool number_integer(number_integer_t number) override { return value(std::to_string(number), true); }
  bool number_unsigned(number_unsigned_t number) override { return value(std::to_string(number), true); }
  bool number_float(number_float_t, const string_t& text) override { return value(text, false); }
  bool string(string_t& text) override { return value(text, true); }
  bool binary(binary_t&) override { return value("", false); }
  bool key(string_t& text) override {
    key_ = text;
    return true;
  }
  bool start_object(std::size_t) override {
    require(depth_ == 1 || skips(), name_, " line ", line_, ": ", kExpected);
    if (++depth_ == 2) row_ = {.line = line_};
    return true;
  }
  bool end_object() override {
    if (--depth_ != 1) return true;
    check_row(row_, name_);
    result.rows.push_back(std::move(row_));
    return true;
  }
  bool start_array(std::size_t) override {
    require(depth_ == 0 || skips(), name_, " line ", line_, ": ", kExpected);
    ++depth_;
    return true;
  }
  bool end_array() override {
    --depth_;
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& error) override {
    const std::string what = error.what();  // "[json.exception.parse_error.101] parse error at line 3, column 7: ..."
    fail(name_, ": cannot be read as JSON: ", what.substr(std::min(what.size(), what.find("] ") + 2)));
  }

  ManifestRows result{};

 private:
  static constexpr const char* kExpected =
      "expected a list of objects, {\"path\": ..., \"domain\": ..., \"label\": ...}";

  std::string* field() {
    return key_ == "path"     ? &row_.path
           : key_ == "domain" ? &row_.domain
           : key_ == "label"  ? &row_.label
           : key_ == "split"  ? &row_.split
                              : nullptr;
  }
  /// Within a value that means nothing here.
  bool skips() {
    if (depth_ < 2 || (depth_ == 2 && field())) return false;
    if (depth_ == 2) ignore();
    return true;
  }
  void ignore() {
    if (ignored_.insert(key_).second) result.ignored.push_back(key_);
  }
  bool value(const std::string& text, bool is_name) {
    if (depth_ > 2) return true;
    require(depth_ == 2, name_, " line ", line_, ": ", kExpected);
    std::string* const place = field();
    if (!place) {
      ignore();
      return true;
    }
    require(is_name, name_, " line ", line_, ": \"", key_, "\" is ", text, "; it must be text");
    *place = text;
    return true;
  }

  const std::string& name_;
  const std::int64_t& line_;
  int depth_ = 0;
  std::string key_;
  std::set<std::string> ignored_;
  ManifestRow row_;
};

}  // namespace

ManifestRows read_json_rows(std::string_view text, const std::string& name) {
  std::int64_t line = 1;
  Taker taker(name, line);
  nlohmann::json::sax_parse(LineCounter(text.data(), &line), LineCounter(text.data() + text.size(), &line), &taker);
  return std::move(taker.result);
}

}  // namespace dgsam
