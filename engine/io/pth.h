// PthFile: what torch.save(model.state_dict(), path) writes (.pth, .pt, .pkl, ...), read without Python.
//
// Since PyTorch 1.6 a zip file: <folder>/data.pkl, a pickle in which each tensor names a storage, and
// <folder>/data/<key>, the bytes of one storage. Before: five pickles one after another (a magic number, a version,
// facts about the machine, the object, the keys of the storages) and then, for each key, a count (i64) and its
// elements. Source: torch/serialization.py of PyTorch 1.13.
#pragma once

#include <memory>
#include <string_view>

#include "engine/io/state_dict.h"
#include "engine/io/tensor_file.h"
#include "engine/io/zip_archive.h"

namespace dgsam {

class PthFile : public TensorFile {
 public:
  /// True when a file that starts with these bytes is one of the two; it may still be another kind of zip file.
  static bool recognises(std::string_view start);

  /// Reads and checks everything but the storages: that all are there and large enough, that every tensor lies inside
  /// its own, and that all tensors together are not much more than the file (but for expanded ones, which may have a
  /// few megabytes). Throws Error that names the file, what is wrong and the remedy.
  explicit PthFile(ByteSource source);

  std::vector<std::byte> read_bytes(const Entry& entry) const override;

 private:
  void open_zip();
  /// `position` is where the number that begins the file ends.
  void open_legacy(std::uint64_t position);
  void take(StateDict state_dict);
  void read_storage(std::size_t storage, std::uint64_t offset, std::span<std::byte> to) const;

  std::vector<PickledStorage> storages_;
  std::vector<PickledTensor> tensors_;
  std::unique_ptr<ZipArchive> archive_;             ///< of a zip file
  std::vector<const ZipArchive::Record*> records_;  ///< by storage, of a zip file
  std::map<std::string, std::uint64_t> offset_of_;  ///< by key: where a storage's elements begin, before 1.6
};

}  // namespace dgsam
