#include "data/look_alike.h"

#include <cstdio>
#include <optional>

namespace dgsam {
namespace {

/// Takes one character off `text`, which is not empty; none for a byte that begins no character of UTF-8.
std::optional<char32_t> take_character(std::string_view& text) {
  const auto byte = [&text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const std::size_t length = byte(0) < 0x80 ? 1 : byte(0) >= 0xF0 ? 4 : byte(0) >= 0xE0 ? 3 : 2;
  char32_t character = length == 1 ? byte(0) : byte(0) & (0xFFu >> (length + 1));
  bool valid = length == 1 || (byte(0) >= 0xC2 && byte(0) < 0xF5 && text.size() >= length);
  for (std::size_t i = 1; valid && i < length; ++i) {
    valid = (byte(i) & 0xC0) == 0x80;
    character = character << 6 | (byte(i) & 0x3Fu);
  }
  text.remove_prefix(valid ? length : 1);
  return valid ? std::optional(character) : std::nullopt;
}

/// Characters that go with the one before them where a name is decomposed: accents, the voicing marks of kana, and the
/// vowels and final consonants of Hangul.
bool is_mark(char32_t c) {
  return (c >= 0x300 && c < 0x370) || c == 0x3099 || c == 0x309A || (c >= 0x1160 && c < 0x1200);
}

/// Characters, each with the number of marks that follow it.
std::vector<std::pair<char32_t, int>> letters(std::string_view name) {
  std::vector<std::pair<char32_t, int>> found;
  while (!name.empty()) {
    const std::optional<char32_t> character = take_character(name);
    if (!character) return {};
    if (is_mark(*character) && !found.empty()) {
      ++found.back().second;
    } else {
      found.emplace_back(*character, 0);
    }
  }
  return found;
}

}  // namespace

std::string spelled_out(std::string_view name) {
  std::string text;
  while (!name.empty()) {
    const auto first = static_cast<unsigned char>(name[0]);
    const std::optional<char32_t> character = take_character(name);
    char escape[16];
    if (!character) {
      std::snprintf(escape, sizeof escape, "\\x%02X", unsigned{first});
    } else if (*character >= 0x80) {
      std::snprintf(escape, sizeof escape, "\\u%04X", static_cast<unsigned>(*character));
    } else {
      std::snprintf(escape, sizeof escape, "%c", static_cast<char>(*character));
    }
    text += escape;
  }
  return text;
}

bool look_alike(std::string_view a, std::string_view b) {
  const auto in_a = letters(a), in_b = letters(b);
  if (a == b || in_a.empty() || in_a.size() != in_b.size()) return false;
  for (std::size_t i = 0; i < in_a.size(); ++i) {
    const auto& [letter_a, marks_a] = in_a[i];
    const auto& [letter_b, marks_b] = in_b[i];
    const bool same = letter_a == letter_b && marks_a == marks_b;
    // One has the letter with all its marks as one character, or with some of them.
    const bool composed = (marks_a < marks_b && letter_a >= 0x80) || (marks_b < marks_a && letter_b >= 0x80);
    if (!same && !composed) return false;
  }
  return true;
}

std::string look_alike_note(std::string_view name, const std::vector<std::string>& others) {
  for (const std::string& other : others) {
    if (look_alike(name, other))
      return " (it looks like a name there, but is composed differently: '" + spelled_out(name) + "' here, '" +
             spelled_out(other) + "' there: Unicode's NFC and NFD; rename one)";
  }
  return "";
}

}  // namespace dgsam
