// The images of a data set in memory, as far as a budget reaches, shared by training and evaluation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "data/image.h"
#include "data/image_folder.h"
#include "data/parallel.h"

namespace dgsam {

/// Where the images are: ready to use, to be decoded at each use, or to be read from disk as well. Bytes are those of
/// pixels, of files in memory and of files on disk.
struct CacheContents {
  struct Count {
    std::int64_t images = 0;
    std::size_t bytes = 0;
  };
  Count decoded, compressed, on_disk;

  /// "3000 images decoded (1.21 GB), 6991 as files in memory (0.42 GB), 0 read from disk". Kinds without images but for
  /// the last are left out.
  std::string text() const;
};

/// The images of a folder as 8-bit RGB. What it yields does not depend on what it holds, only the time it takes does.
class ImageCache {
 public:
  /// Keeps a reference to `folder`, which must outlive the cache. `resize_to` 0 keeps images at their own size, as the
  /// training augmentation needs; otherwise they are kept resized to resize_to x resize_to (evaluation transform).
  /// `budget_bytes` bounds the pixels and files kept. Reads nothing yet.
  ImageCache(const ImageFolder& folder, int resize_to, std::size_t budget_bytes);

  /// Fills the budget on `threads` threads (0: one per core), once. Not needed for correctness; must not run at the
  /// same time as get(). All files are kept compressed, or the first ones where not all fit; and of these, in the
  /// folder's order, as many are kept decoded instead as the budget then allows: all, if all fit decoded. What is kept
  /// in which form depends on the files alone. Throws Error naming a file that cannot be read or decoded.
  void fill(int threads, const Progress& progress = {});

  /// The image, from memory or read and decoded into `scratch`. Valid until `scratch` changes. Any number of threads
  /// may call it. Throws Error naming a file that cannot be read or decoded.
  const Image& get(int domain, int index, Image& scratch) const;

  /// The size of every image that get() gives, domain after domain, by the files' headers. Throws Error naming a file
  /// that is no image.
  std::vector<ImageSize> sizes(int threads) const;

  const ImageFolder& folder() const { return folder_; }
  int resize_to() const { return resize_to_; }
  int label(int domain, int index) const { return folder_.domains[domain].samples[index].label; }
  std::int64_t total_images() const { return std::ssize(entries_); }

  /// After fill(); before, everything is on disk, of unknown size.
  CacheContents contents() const;
  /// Mean bytes that one image of a training batch costs the disk when each of `domains` gives as many images, drawn
  /// uniformly. Times images per second it is what the disk must deliver, unless the system caches files too.
  double disk_bytes_per_image(std::span<const int> domains) const;
  /// Files that end early or are damaged, of the images decoded so far, in the folder's order.
  std::vector<std::filesystem::path> truncated_files() const;

 private:
  /// An image in one of three forms: pixels; else the file's bytes; else neither, and it is on disk.
  struct Entry {
    Image image;
    std::vector<std::uint8_t> file;
    std::size_t file_bytes = 0;
  };

  std::size_t position(int domain, int index) const { return domain_starts_[domain] + static_cast<std::size_t>(index); }
  const std::filesystem::path& path(std::size_t position) const;
  Image decode(std::size_t position, std::span<const std::uint8_t> bytes) const;
  /// Learns the size of every file and returns the bytes of each one's smaller form.
  std::vector<std::size_t> smallest_forms(int threads);

  const ImageFolder& folder_;
  int resize_to_;
  std::size_t budget_bytes_;
  std::vector<std::size_t> domain_starts_;  // per domain, the position of its first image; one more at the end
  std::vector<Entry> entries_;              // by position: domain after domain
  mutable std::mutex truncated_mutex_;
  mutable std::set<std::size_t> truncated_;  // positions
};

}  // namespace dgsam
