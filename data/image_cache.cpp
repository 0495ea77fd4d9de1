#include "data/image_cache.h"

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <utility>

#include "data/image_file.h"
#include "data/resize.h"
#include "engine/core/check.h"

namespace dgsam {
namespace {

/// Decides, in the order of the images whatever the order in which threads are ready, which are kept decoded.
class Placement {
 public:
  /// `costs` are the bytes of each image's smaller form; together they are within the budget.
  Placement(std::vector<std::size_t> costs, std::size_t budget) : costs_(std::move(costs)), budget_(budget) {
    for (const std::size_t cost : costs_) bytes_ += cost;
  }

  /// False once an image did not fit decoded: from there on each is kept in its smaller form.
  bool may_decode() {
    const std::lock_guard lock(mutex_);
    return !full_;
  }
  /// Whether image `item` is kept decoded, which takes `bytes`. Waits for the images before it.
  bool fits(std::size_t item, std::size_t bytes) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return full_ || turn_ == item; });
    full_ = full_ || bytes_ - costs_[item] + bytes > budget_;
    if (!full_) bytes_ += bytes - costs_[item];
    ++turn_;
    changed_.notify_all();
    return !full_;
  }
  /// Lets the waiting threads go: an image failed.
  void abandon() {
    const std::lock_guard lock(mutex_);
    full_ = true;
    changed_.notify_all();
  }

 private:
  std::vector<std::size_t> costs_;
  std::size_t budget_, bytes_ = 0;  // bytes_: of all images, those not yet placed in their smaller form
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t turn_ = 0;
  bool full_ = false;
};

std::string count_text(const CacheContents::Count& count, const char* what) {
  char text[96];
  std::snprintf(text, sizeof text, "%lld %s (%.2f GB)", static_cast<long long>(count.images), what,
                static_cast<double>(count.bytes) / 1e9);
  return text;
}

}  // namespace

std::string CacheContents::text() const {
  std::string text;
  if (decoded.images > 0) text += count_text(decoded, "images decoded") + ", ";
  if (compressed.images > 0) text += count_text(compressed, "as files in memory") + ", ";
  return text + (on_disk.images > 0 ? count_text(on_disk, "read from disk") : "0 read from disk");
}

ImageCache::ImageCache(const ImageFolder& folder, int resize_to, std::size_t budget_bytes)
    : folder_(folder), resize_to_(resize_to), budget_bytes_(budget_bytes), domain_starts_{0} {
  require(resize_to >= 0, "the image size is ", resize_to, "; it must be positive");
  for (const Domain& domain : folder.domains) domain_starts_.push_back(domain_starts_.back() + domain.samples.size());
  entries_.resize(domain_starts_.back());
}

const std::filesystem::path& ImageCache::path(std::size_t position) const {
  const auto domain =
      std::upper_bound(domain_starts_.begin(), domain_starts_.end(), position) - domain_starts_.begin() - 1;
  return folder_.domains[domain].samples[position - domain_starts_[domain]].path;
}

std::vector<std::size_t> ImageCache::smallest_forms(int threads) {
  std::vector<std::size_t> bytes(entries_.size());
  const std::size_t resized = std::size_t{3} * resize_to_ * resize_to_;
  parallel_items(std::ssize(entries_), threads, [&](std::int64_t item) {
    std::error_code error;
    const auto size = std::filesystem::file_size(path(item), error);
    entries_[item].file_bytes = error ? 0 : size;  // reading the file will say what is wrong with it
    bytes[item] = resize_to_ > 0 ? std::min(resized, entries_[item].file_bytes) : entries_[item].file_bytes;
  });
  return bytes;
}

void ImageCache::fill(int threads, const Progress& progress) {
  std::vector<std::size_t> costs = smallest_forms(threads);
  std::size_t kept = 0;
  for (std::size_t sum = 0; kept < costs.size() && sum + costs[kept] <= budget_bytes_; ++kept) sum += costs[kept];
  costs.resize(kept);
  Placement placement(costs, budget_bytes_);
  const auto keep = [&](std::size_t item) {
    Entry& entry = entries_[item];
    std::vector<std::uint8_t> file = read_file(path(item));
    const bool smaller_decoded = costs[item] < file.size();
    Image image;
    if (smaller_decoded || placement.may_decode()) image = decode(item, file);
    if (placement.fits(item, image.empty() ? costs[item] : image.rgb.size()) || smaller_decoded) {
      entry.image = std::move(image);
    } else {
      entry.file = std::move(file);
    }
  };
  const auto try_keep = [&](std::int64_t item) {
    if (item >= static_cast<std::int64_t>(kept)) return;
    try {
      keep(static_cast<std::size_t>(item));
    } catch (...) {
      placement.abandon();
      throw;
    }
  };
  parallel_items(std::ssize(entries_), threads, try_keep, progress);
}

const Image& ImageCache::get(int domain, int index, Image& scratch) const {
  const std::size_t at = position(domain, index);
  const Entry& entry = entries_[at];
  if (!entry.image.empty()) return entry.image;
  scratch = entry.file.empty() ? decode(at, read_file(path(at))) : decode(at, entry.file);
  return scratch;
}

Image ImageCache::decode(std::size_t position, std::span<const std::uint8_t> bytes) const {
  DecodeReport report;
  Image image = decode_image(bytes, path(position).string(), &report);
  if (report.truncated) {
    const std::lock_guard lock(truncated_mutex_);
    truncated_.insert(position);
  }
  if (resize_to_ == 0 || (image.width == resize_to_ && image.height == resize_to_)) return image;
  return resize_bilinear(image, resize_to_, resize_to_);
}

std::vector<ImageSize> ImageCache::sizes(int threads) const {
  std::vector<ImageSize> sizes(entries_.size(), ImageSize{resize_to_, resize_to_});
  if (resize_to_ > 0) return sizes;
  parallel_items(std::ssize(entries_), threads, [&](std::int64_t item) {
    sizes[static_cast<std::size_t>(item)] = image_size(path(static_cast<std::size_t>(item)));
  });
  return sizes;
}

CacheContents ImageCache::contents() const {
  CacheContents contents;
  for (const Entry& entry : entries_) {
    const bool decoded = !entry.image.empty(), compressed = !entry.file.empty();
    CacheContents::Count& count = decoded ? contents.decoded : compressed ? contents.compressed : contents.on_disk;
    ++count.images;
    count.bytes += decoded ? entry.image.rgb.size() : compressed ? entry.file.size() : entry.file_bytes;
  }
  return contents;
}

double ImageCache::disk_bytes_per_image(std::span<const int> domains) const {
  double sum = 0;
  for (const int domain : domains) {
    double bytes = 0;
    for (std::size_t at = domain_starts_[domain]; at < domain_starts_[domain + 1]; ++at) {
      if (entries_[at].image.empty() && entries_[at].file.empty())
        bytes += static_cast<double>(entries_[at].file_bytes);
    }
    sum += bytes / static_cast<double>(domain_starts_[domain + 1] - domain_starts_[domain]);
  }
  return sum / static_cast<double>(domains.size());
}

std::vector<std::filesystem::path> ImageCache::truncated_files() const {
  const std::lock_guard lock(truncated_mutex_);
  std::vector<std::filesystem::path> paths;
  for (const std::size_t position : truncated_) paths.push_back(path(position));
  return paths;
}

}  // namespace dgsam
