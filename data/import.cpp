#include "data/import.h"

#include <algorithm>
#include <atomic>
#include <fstream>
#include <iterator>

#include "data/datasets.h"
#include "engine/core/check.h"

namespace dgsam {
namespace {

namespace fs = std::filesystem;

bool is_inside(const fs::path& inner, const fs::path& outer) {
  return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first == outer.end();
}

void require_apart(const fs::path& root, const fs::path& source) {
  const fs::path target = fs::weakly_canonical(root), origin = fs::canonical(source);
  require(!is_inside(target, origin), root.string(), " lies in the source ", source.string(),
          ", which is never changed; name another --out");
  require(!is_inside(origin, target), root.string(), " holds the source ", source.string(),
          ", whose folders would be read as domains; move it away or name another --out");
}

/// What an import of another selection, or anybody else, has left there would be trained on.
void require_no_strays(const fs::path& root, const std::vector<ImportItem>& items) {
  if (!fs::exists(root)) return;
  for (fs::recursive_directory_iterator entry(root), end; entry != end; ++entry) {
    if (entry->path().filename().string().starts_with('.') || entry->is_directory() || entry.depth() == 0) continue;
    const std::string name = entry->path().lexically_relative(root).string();
    const auto place =
        std::lower_bound(items.begin(), items.end(), name,
                         [](const ImportItem& item, const auto& other) { return item.destination < other; });
    require(place != items.end() && place->destination == name, entry->path().string(),
            ": is there already and not part of this import; remove it or name another --out");
  }
}

bool have_same_content(const fs::path& a, const fs::path& b) {
  std::ifstream first(a, std::ios::binary), second(b, std::ios::binary);
  const std::istreambuf_iterator<char> end;
  return first && second &&
         std::equal(std::istreambuf_iterator<char>(first), end, std::istreambuf_iterator<char>(second), end);
}

/// Links are the same file; copies have the size and time of their source, or at least its bytes.
bool is_placed(const fs::path& source, const fs::path& target) {
  std::error_code dangling;
  if (fs::equivalent(source, target, dangling)) return true;
  if (dangling || !fs::is_regular_file(target) || fs::file_size(source) != fs::file_size(target)) return false;
  return fs::last_write_time(source) == fs::last_write_time(target) || have_same_content(source, target);
}

/// A copy gets its name only when it is whole. The name until then starts with a dot: no reader takes it for an image.
void copy_whole(const fs::path& source, const fs::path& target) {
  const fs::path partial = target.parent_path() / (".partial-" + target.filename().string());
  fs::remove(partial);
  fs::copy_file(source, partial);
  fs::last_write_time(partial, fs::last_write_time(source));
  fs::rename(partial, target);
}

class Placer {
 public:
  explicit Placer(LinkKind link) : link_(link) {}

  void place(const fs::path& item, const fs::path& target) {
    if (fs::exists(fs::symlink_status(target))) {
      require(is_placed(item, target), target.string(), ": is there already and differs from ", item.string(),
              "; remove it or name another --out");
      ++already_there_;
      return;
    }
    const fs::path source = fs::canonical(item);  // a hard link to a symbolic link would not outlive its folder
    if (link_ == LinkKind::kSymlink) {
      fs::create_symlink(source, target);
      ++symlinks_;
    } else if (link_ == LinkKind::kCopy || !hardlink(source, target)) {
      copy_whole(source, target);
      ++copies_;
    }
  }

  ImportResult result(const fs::path& root) const { return {root, hardlinks_, symlinks_, copies_, already_there_}; }

 private:
  bool hardlink(const fs::path& source, const fs::path& target) {
    std::error_code error;
    fs::create_hard_link(source, target, error);
    require(!error || link_ == LinkKind::kAutomatic, target.string(), ": cannot be a hard link to ", source.string(),
            " (", error.message(), "); use --link symlink or --link copy");
    if (!error) ++hardlinks_;
    return !error;
  }

  LinkKind link_;
  std::atomic<std::int64_t> hardlinks_ = 0, symlinks_ = 0, copies_ = 0, already_there_ = 0;
};

}  // namespace

ImportResult execute_import(const ImportPlan& plan, const fs::path& out, LinkKind link, int threads,
                            const Progress& progress) {
  const fs::path root = out / find_dataset(plan.dataset).root;
  try {
    require_apart(root, plan.source);
    require_no_strays(root, plan.items);
    std::string last;
    for (const ImportItem& item : plan.items) {
      const std::string folder = item.destination.substr(0, item.destination.rfind('/'));
      if (folder != last) fs::create_directories(root / folder);
      last = folder;
    }
    Placer placer(link);
    const auto place = [&](std::int64_t at) {
      const ImportItem& item = plan.items[static_cast<std::size_t>(at)];
      placer.place(item.source, root / item.destination);
    };
    parallel_items(std::ssize(plan.items), threads, place, progress);
    return placer.result(root);
  } catch (const fs::filesystem_error& error) {
    fail(error.what());
  }
}

}  // namespace dgsam
