#include "tools/train/file_list.h"

#include <zlib.h>

#include <array>
#include <map>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "data/splits.h"
#include "engine/core/check.h"

namespace dgsam {
namespace {

namespace fs = std::filesystem;

/// Tabs and line ends would look like the list's own.
std::string escaped(std::string_view text) {
  std::string result;
  for (const char letter : text) {
    if (letter == '\\')
      result += "\\\\";
    else if (letter == '\t')
      result += "\\t";
    else if (letter == '\n')
      result += "\\n";
    else
      result += letter;
  }
  return result;
}

std::string size_text(const fs::path& path) {
  std::error_code error;
  const auto bytes = fs::file_size(path, error);
  return error ? "-" : std::to_string(bytes);
}

std::string_view below(std::string_view path, std::string_view root) {
  if (!path.starts_with(root)) return path;
  path.remove_prefix(root.size());
  while (path.starts_with('/')) path.remove_prefix(1);
  return path;
}

/// What a line says of its file, and of which file: the path within its domain.
using Entries = std::map<std::pair<std::string_view, std::string_view>, std::array<std::string_view, 3>>;

Entries entries_of(std::string_view list) {
  Entries entries;
  while (!list.empty()) {
    std::string_view line = list.substr(0, list.find('\n'));
    list.remove_prefix(std::min(list.size(), line.size() + 1));
    std::array<std::string_view, 5> fields;
    for (std::string_view& field : fields) {
      field = line.substr(0, line.find('\t'));
      line.remove_prefix(std::min(line.size(), field.size() + 1));
    }
    entries[{fields[0], fields[4]}] = {fields[1], fields[2], fields[3]};
  }
  return entries;
}

/// Counts files of one kind of change, and names the first.
class Changes {
 public:
  explicit Changes(std::string one, std::string many) : one_(std::move(one)), many_(std::move(many)) {}
  void add(const std::string& file) {
    if (++count_ <= kMostNamed) names_ += (names_.empty() ? "" : ", ") + file;
  }
  void append_to(std::string& text) const {
    if (count_ == 0) return;
    text += (text.empty() ? "" : ", ") + std::to_string(count_) + " " + (count_ == 1 ? one_ : many_) + " (" + names_ +
            (count_ > kMostNamed ? ", ..." : "") + ")";
  }

 private:
  static constexpr int kMostNamed = 3;
  std::string one_, many_, names_;
  int count_ = 0;
};

}  // namespace

std::string file_list(const ImageFolder& folder) {
  const std::string root = folder.root.string();
  std::string list;
  for (const Domain& domain : folder.domains) {
    const std::string name = escaped(domain.name);
    for (std::size_t i = 0; i < domain.samples.size(); ++i) {
      const Sample& sample = domain.samples[i];
      const char* const split = domain.held_out.empty() ? "" : domain.held_out[i] ? "out" : "in";
      list += name + '\t' + escaped(folder.classes[static_cast<std::size_t>(sample.label)]) + '\t' +
              size_text(sample.path) + '\t' + split + '\t' + escaped(below(sample.path.native(), root)) + '\n';
    }
  }
  return list;
}

std::string digest_of(const std::string& list) { return md5_hex(list); }

std::string list_difference(const std::string& before, const std::string& now) {
  if (before == now) return "";
  const Entries old_files = entries_of(before), new_files = entries_of(now);
  Changes gone("is gone", "are gone"), added("is new", "are new"), resized("has another size", "have another size"),
      relabelled("has another class", "have another class"), moved("has another split", "have another split");
  for (const auto& [file, old] : old_files) {
    const std::string path(file.second);
    const auto found = new_files.find(file);
    if (found == new_files.end()) {
      gone.add(path);
      continue;
    }
    const auto& [label, size, split] = found->second;
    if (label != old[0]) relabelled.add(path + ": " + std::string(old[0]) + ", now " + std::string(label));
    if (size != old[1]) resized.add(path + ": " + std::string(old[1]) + " bytes, now " + std::string(size));
    if (split != old[2]) moved.add(path);
  }
  for (const auto& [file, about] : new_files) {
    if (!old_files.contains(file)) added.add(std::string(file.second));
  }
  std::string text;
  for (const Changes* changes : {&gone, &added, &relabelled, &moved, &resized}) changes->append_to(text);
  return text.empty() ? "the same files in another order" : text;
}

std::string compressed_list(const std::string& list) {
  z_stream stream{};
  constexpr int kGzip = 16 + MAX_WBITS;
  require(deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, kGzip, 8, Z_DEFAULT_STRATEGY) == Z_OK,
          "the list of files cannot be compressed: out of memory");
  std::string bytes(deflateBound(&stream, static_cast<uLong>(list.size())), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(list.data()));
  stream.avail_in = static_cast<uInt>(list.size());
  stream.next_out = reinterpret_cast<Bytef*>(bytes.data());
  stream.avail_out = static_cast<uInt>(bytes.size());
  const int result = deflate(&stream, Z_FINISH);
  bytes.resize(stream.total_out);
  deflateEnd(&stream);
  require(result == Z_STREAM_END, "the list of files cannot be compressed");
  return bytes;
}

std::optional<std::string> read_list(const fs::path& path) {
  std::error_code missing;
  if (!fs::is_regular_file(path, missing)) return std::nullopt;
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> file(gzopen(path.c_str(), "rb"), gzclose);
  if (!file) return std::nullopt;
  std::string list;
  std::vector<char> part(1 << 16);
  for (;;) {
    const int length = gzread(file.get(), part.data(), static_cast<unsigned>(part.size()));
    if (length < 0) return std::nullopt;
    if (length == 0) break;
    list.append(part.data(), static_cast<std::size_t>(length));
  }
  int error = Z_OK;
  gzerror(file.get(), &error);
  if (error != Z_OK) return std::nullopt;  // it ends early
  return list;
}

std::string what_changed(const fs::path& run, const ImageFolder& folder) {
  const std::optional<std::string> before = read_list(run / kFileList);
  if (!before) return "which files differ can't be told without " + (run / kFileList).string();
  return list_difference(*before, file_list(folder));
}

}  // namespace dgsam
