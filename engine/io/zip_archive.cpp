#include "engine/io/zip_archive.h"

#include <unistd.h>
#include <zip.h>
#include <zlib.h>

#include <algorithm>

#include "engine/core/check.h"

namespace dgsam {

namespace {

struct FileCloser {
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};

std::string text_of(int code) {
  zip_error_t error;
  zip_error_init_with_code(&error, code);
  std::string text = zip_error_strerror(&error);
  zip_error_fini(&error);
  return text;
}

zip_t* open_memory(const ByteSource& source) {
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t* buffer = zip_source_buffer_create(source.memory().data(), source.size(), 0, &error);
  zip_t* archive = buffer ? zip_open_from_source(buffer, ZIP_RDONLY, &error) : nullptr;
  if (archive == nullptr && buffer != nullptr) zip_source_free(buffer);
  const std::string text = zip_error_strerror(&error);
  zip_error_fini(&error);
  require(archive != nullptr, source.name(), ": a damaged or truncated zip file (", text, "): download it again");
  return archive;
}

zip_t* open_file(const ByteSource& source) {
  const int descriptor = ::dup(source.descriptor());
  int code = 0;
  zip_t* archive = descriptor < 0 ? nullptr : zip_fdopen(descriptor, 0, &code);
  if (archive == nullptr && descriptor >= 0) ::close(descriptor);
  require(archive != nullptr, source.name(), ": a damaged or truncated zip file (", text_of(code),
          "): download it again");
  return archive;
}

}  // namespace

void ZipArchive::Closer::operator()(zip* archive) const { zip_discard(archive); }

ZipArchive::ZipArchive(const ByteSource& source)
    : name_(source.name()),
      archive_bytes_(source.size()),
      archive_(source.descriptor() < 0 ? open_memory(source) : open_file(source)) {
  const zip_int64_t count = zip_get_num_entries(archive_.get(), 0);
  for (zip_int64_t i = 0; i < count; ++i) {
    zip_stat_t status;
    const auto index = static_cast<zip_uint64_t>(i);
    require(zip_stat_index(archive_.get(), index, 0, &status) == 0 && (status.valid & ZIP_STAT_NAME) &&
                (status.valid & ZIP_STAT_SIZE),
            name_, ": record ", i, " of the zip file can't be read");
    records_.push_back({status.name, index, status.size});
  }
}

const ZipArchive::Record* ZipArchive::find(std::string_view name) const {
  const auto found = std::find_if(records_.begin(), records_.end(), [&](const Record& r) { return r.name == name; });
  return found == records_.end() ? nullptr : &*found;
}

void ZipArchive::read(const Record& record, std::uint64_t offset, std::span<std::byte> to) const {
  const std::string name = printable(record.name);
  zip_stat_t status;
  const bool found = zip_stat_index(archive_.get(), record.index, 0, &status) == 0;
  const bool stored = found && status.comp_method == ZIP_CM_STORE;
  require((stored || (found && status.comp_method == ZIP_CM_DEFLATE)) && status.encryption_method == ZIP_EM_NONE, name_,
          ": record ", name,
          " is encrypted, or compressed in a way that torch.save never uses: unpack the archive and pack it again "
          "without compression (zip -0)");
  require(record.bytes <= (stored ? archive_bytes_ : max_record_bytes()) && offset <= record.bytes &&
              to.size() <= record.bytes - offset,
          name_, ": record ", name, " has ", record.bytes, " bytes, too few or more than the file");
  const std::unique_ptr<zip_file_t, FileCloser> file(zip_fopen_index(archive_.get(), record.index, 0));
  const auto describe = [&] {
    return std::string(file ? zip_file_strerror(file.get()) : zip_strerror(archive_.get()));
  };
  require(file != nullptr, name_, ": record ", name, " can't be read (", describe(), ")");
  // Reads no further than wanted: at the end of a record libzip compares the checksum, and then can't be asked not to.
  const auto read_some = [&](std::span<std::byte> some) {
    const zip_int64_t got = zip_fread(file.get(), some.data(), some.size());
    require(got > 0, name_, ": record ", name, " is damaged (", got < 0 ? describe() : "it ends early",
            "): download the file again");
    return static_cast<std::size_t>(got);
  };
  if (stored) {
    require(offset == 0 || zip_fseek(file.get(), static_cast<zip_int64_t>(offset), SEEK_SET) == 0, name_, ": record ",
            name, " can't be read (", describe(), ")");
  } else {
    std::vector<std::byte> skipped(std::min<std::uint64_t>(offset, 1u << 16));
    for (std::uint64_t left = offset; left > 0;) {
      left -= read_some(std::span(skipped).first(std::min<std::uint64_t>(left, skipped.size())));
    }
  }
  for (std::span<std::byte> rest = to; !rest.empty();) rest = rest.subspan(read_some(rest));
  if (to.size() < record.bytes || !(status.valid & ZIP_STAT_CRC) || status.crc == 0) return;
  const auto* bytes = reinterpret_cast<const Bytef*>(to.data());
  require(crc32_z(0, bytes, to.size()) == status.crc, name_, ": record ", name,
          " is damaged (its checksum differs): download the file again");
}

}  // namespace dgsam
