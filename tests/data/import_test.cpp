// Small trees in the layouts that the downloads really have.
#include "data/import.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>

#include "data/datasets.h"
#include "data/image_folder.h"
#include "tests/temporary_folder.h"

using namespace dgsam;

namespace {

namespace fs = std::filesystem;

bool mentions(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// `images` files per class in root/<domains[i]>/<class>; the text of a file is its path, so that all differ.
void write_tree(const fs::path& root, const std::vector<std::string>& domains, const std::vector<std::string>& classes,
                int images = 2) {
  for (const std::string& domain : domains) {
    for (const std::string& name : classes) {
      for (int i = 0; i < images; ++i) {
        const std::string path = domain + "/" + name + "/pic_" + std::to_string(i) + ".jpg";
        write_bytes(root / path, path);
      }
    }
  }
}

/// Every file below a folder with its content.
std::map<std::string, std::string> contents(const fs::path& root) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    if (!entry.is_directory()) files[entry.path().lexically_relative(root).string()] = read_bytes(entry.path());
  }
  return files;
}

ImportResult place(const ImportPlan& plan, const fs::path& out, LinkKind link = LinkKind::kAutomatic) {
  return execute_import(plan, out, link, 2);
}

/// The imported tree, which must have the domains and classes of its data set.
ImageFolder verified(const ImportPlan& plan, const ImportResult& result) {
  ImageFolder folder = open_image_folder(result.root);
  verify_known(folder, find_dataset(plan.dataset));
  return folder;
}

bool has_note(const ImportPlan& plan, const std::string& part) {
  return std::any_of(plan.notes.begin(), plan.notes.end(), [&](const auto& note) { return mentions(note, part); });
}

const std::vector<std::string> kPacsDomains = {"art_painting", "cartoon", "photo", "sketch"};

}  // namespace

TEST_CASE("PACS is found as kfold or PACS, beside what else was downloaded, and left as it was") {
  const TemporaryFolder dir;
  write_tree(dir / "downloads" / "kfold", kPacsDomains, find_dataset("PACS").classes);
  write_bytes(dir / "downloads" / "kfold" / "art_painting" / "dog" / ".DS_Store", "x");
  write_bytes(dir / "downloads" / "kfold" / "art_painting" / "dog" / "._pic_0.jpg", "x");
  write_bytes(dir / "downloads" / "kfold" / "photo" / "dog" / "Thumbs.db", "x");
  write_bytes(dir / "downloads" / "VLCS" / "SUN09" / "dog" / "a.jpg", "x");
  const auto before = contents(dir / "downloads");
  for (const fs::path& from : {dir / "downloads", dir / "downloads" / "kfold"}) {
    const ImportPlan plan = plan_pacs(from);
    CHECK(plan.items.size() == 4 * 7 * 2);
    CHECK(plan.source == dir / "downloads" / "kfold");
    CHECK(has_note(plan, "kfold"));
    const ImportResult result = place(plan, dir / "out");
    CHECK(result.root == dir / "out" / "PACS");
    CHECK(verified(plan, result).domains[3].samples.size() == 14);
  }
  CHECK(contents(dir / "downloads") == before);
  CHECK(contents(dir / "out" / "PACS").at("sketch/person/pic_1.jpg") == "sketch/person/pic_1.jpg");
}

TEST_CASE("OfficeHome's domains and classes get their published names from any spelling") {
  const TemporaryFolder dir;
  std::vector<std::string> lower_case = find_dataset("OfficeHome").classes;
  for (std::string& name : lower_case) {
    for (char& letter : name) letter = static_cast<char>(std::tolower(letter));
  }
  const fs::path original = dir / "a" / "OfficeHomeDataset_10072016";
  write_tree(original, {"Art", "Clipart", "Product", "Real World"}, find_dataset("OfficeHome").classes, 1);
  write_bytes(original / "ImageInfo.csv", "x");
  write_tree(dir / "b", {"art", "clipart", "product", "real_world"}, lower_case, 1);
  for (const std::string which : {"a", "b"}) {
    const ImportPlan plan = plan_office_home(dir / which);
    const ImageFolder folder = verified(plan, place(plan, dir / ("out-" + which)));
    CHECK(folder.domains[3].name == "Real World");
    CHECK(folder.domains[3].samples.size() == 65);
  }
}

TEST_CASE("VLCS is read with named classes, and in parts with numbered ones") {
  const TemporaryFolder dir;
  write_tree(dir / "named" / "VLCS", {"Caltech101", "LabelMe", "SUN09", "VOC2007"}, find_dataset("VLCS").classes);
  const ImportPlan named = plan_vlcs(dir / "named");
  CHECK(verified(named, place(named, dir / "out-named")).domains[0].samples.size() == 10);

  const std::vector<std::string> numbers = {"0", "1", "2", "3", "4"};
  for (const std::string domain : {"CALTECH", "LABELME", "PASCAL", "SUN"}) {
    for (const auto& [part, holds] : std::map<std::string, std::vector<std::string>>{
             {"full", {"train", "crossval"}}, {"train", {"train"}}, {"crossval", {"crossval"}}, {"test", {"test"}}}) {
      for (const std::string& number : numbers) {
        for (const std::string& name : holds) {
          const fs::path file = fs::path(domain) / part / number / (name + "_imgs_" + number + ".jpg");
          write_bytes(dir / "parts" / "VLCS" / file, domain + name + number);
        }
      }
    }
  }
  const ImportPlan parts = plan_vlcs(dir / "parts");
  const ImageFolder folder = verified(parts, place(parts, dir / "out-parts"));
  CHECK(has_note(parts, "in parts"));
  CHECK(folder.domains[3].name == "VOC2007");
  CHECK(folder.domains[3].samples.size() == 15);
  const auto files = contents(dir / "out-parts" / "VLCS");
  CHECK(files.at("VOC2007/bird/test_imgs_0.jpg") == "PASCALtest0");
  CHECK(files.at("Caltech101/person/crossval_imgs_4.jpg") == "CALTECHcrossval4");

  write_bytes(dir / "parts" / "VLCS" / "SUN" / "train" / "2" / "train_imgs_2.jpg", "another image");
  CHECK(mentions(error_of([&] { plan_vlcs(dir / "parts"); }), "have one name but different sizes"));
  for (const std::string part : {"full", "train", "crossval", "test"})
    fs::remove_all(dir / "parts" / "VLCS" / "SUN" / part / "2");
  CHECK(mentions(error_of([&] { plan_vlcs(dir / "parts"); }), "class 2 (chair) is missing"));
}

TEST_CASE("DomainNet comes without the duplicates, and differences from the cleaned archives are explained") {
  const TemporaryFolder dir;
  const DatasetSpec& spec = find_dataset("DomainNet");
  const fs::path from = dir / "unpacked";
  write_tree(from, {"clipart", "infograph", "painting", "quickdraw", "real", "sketch"}, spec.classes, 1);
  write_bytes(from / "clipart" / "zebra" / "pic_1.jpg", "x");
  write_bytes(from / "clipart_train.txt", "x");
  const fs::path list = write_bytes(dir / "duplicates.txt",
                                    "clipart/zebra/pic_0.jpg\r\nreal/t-shirt/pic_0.jpg\n\npainting/axe/gone.jpg\n");
  write_bytes(from / "real" / "t-shirt" / "pic_1.jpg", "x");
  const ImportPlan plan = plan_domain_net(from, list);
  CHECK(plan.items.size() == 6 * 345);
  CHECK(has_note(plan, "Left out 2 duplicates; 1 files on the list are not there"));
  CHECK(has_note(plan,
                 "clipart holds 346 images, its cleaned archive 48,833; the cleaned one is groundtruth/clipart.zip"));
  CHECK(has_note(plan, "quickdraw holds 345 images, its cleaned archive 172,500; unpacked in part"));
  const ImportResult result = place(plan, dir / "out", LinkKind::kSymlink);
  CHECK(result.symlinks == 6 * 345);
  CHECK(verified(plan, result).domains.size() == 6);
  CHECK_FALSE(fs::exists(result.root / "clipart" / "zebra" / "pic_0.jpg"));
  CHECK(fs::exists(from / "clipart" / "zebra" / "pic_0.jpg"));

  CHECK(mentions(error_of([&] { plan_domain_net(from, write_bytes(dir / "bad.txt", "a/b/c\nzebra.jpg\n")); }),
                 "bad.txt: line 2 is 'zebra.jpg'; expected domain/class/file"));
  CHECK(mentions(error_of([&] { plan_domain_net(from, write_bytes(dir / "none.txt", "\n")); }), "lists no file"));
  CHECK(mentions(error_of([&] { plan_domain_net(from, dir / "absent.txt"); }), "absent.txt: cannot be opened"));
}

TEST_CASE("a folder that is not the data set is refused by saying what is there") {
  const TemporaryFolder dir;
  CHECK(mentions(error_of([&] { plan_pacs(dir / "absent"); }), "no such folder"));
  CHECK(mentions(error_of([&] { plan_pacs(dir.path()); }), "holds no folder"));
  write_tree(dir / "x", {"fish", "fowl"}, {"dog"});
  CHECK(mentions(error_of([&] { plan_pacs(dir / "x"); }), "holds fish, fowl; expected art_painting cartoon photo"));
  write_tree(dir / "y" / "kfold", {"art_painting", "sketch"}, {"dog"});
  CHECK(mentions(error_of([&] { plan_pacs(dir / "y"); }), "kfold has art_painting, sketch but not cartoon, photo"));
  write_tree(dir / "z" / "kfold", kPacsDomains, {"dog", "elephant"});
  CHECK(mentions(error_of([&] { plan_pacs(dir / "z"); }), "class 'giraffe' is missing"));
  write_tree(dir / "two" / "kfold", kPacsDomains, find_dataset("PACS").classes, 1);
  write_tree(dir / "two" / "PACS", kPacsDomains, find_dataset("PACS").classes, 1);
  CHECK(mentions(error_of([&] { plan_pacs(dir / "two"); }), "name one of them"));
  write_tree(dir / "two" / "kfold", {"photo"}, {"horses"});
  CHECK(has_note(plan_pacs(dir / "two" / "kfold"), "Left out, no class of PACS: horses"));
  fs::remove_all(dir / "two" / "kfold" / "photo" / "dog");
  fs::create_directories(dir / "two" / "kfold" / "photo" / "dog");
  CHECK(mentions(error_of([&] { plan_pacs(dir / "two" / "kfold"); }), "dog: this class folder holds no image"));
}

TEST_CASE("files are hard links, symbolic links or copies, and a repeated import finds them all") {
  const TemporaryFolder dir;
  write_tree(dir / "kfold", kPacsDomains, find_dataset("PACS").classes);
  fs::remove(dir / "kfold" / "photo" / "dog" / "pic_1.jpg");
  write_bytes(dir / "elsewhere.jpg", "elsewhere");
  fs::create_symlink("../../../elsewhere.jpg", dir / "kfold" / "photo" / "dog" / "pic_1.jpg");
  const ImportPlan plan = plan_pacs(dir / "kfold");
  const auto total = std::ssize(plan.items);
  const fs::path original = dir / "kfold" / "sketch" / "dog" / "pic_0.jpg";
  const fs::path name = fs::path("PACS") / "sketch" / "dog" / "pic_0.jpg";
  for (const LinkKind link : {LinkKind::kAutomatic, LinkKind::kHardlink, LinkKind::kSymlink, LinkKind::kCopy}) {
    const fs::path out = dir / std::to_string(static_cast<int>(link));
    const ImportResult first = place(plan, out, link);
    const bool hard = link == LinkKind::kAutomatic || link == LinkKind::kHardlink;
    CHECK(first.hardlinks == (hard ? total : 0));
    CHECK(first.symlinks == (link == LinkKind::kSymlink ? total : 0));
    CHECK(first.copies == (link == LinkKind::kCopy ? total : 0));
    CHECK(fs::is_symlink(out / name) == (link == LinkKind::kSymlink));
    CHECK(fs::equivalent(out / name, original) == (link != LinkKind::kCopy));
    CHECK(read_bytes(out / "PACS" / "photo" / "dog" / "pic_1.jpg") == "elsewhere");
    for (const LinkKind again : {link, LinkKind::kCopy}) {
      const ImportResult second = place(plan, out, again);
      CHECK(second.already_there == total);
      CHECK(second.hardlinks + second.symlinks + second.copies == 0);
    }
  }
  const fs::path file = write_bytes(dir / "file", "x");
  CHECK(mentions(error_of([&] { place(plan, file); }), file.string()));
}

TEST_CASE("an interrupted import is completed, and half a copy is never taken for an image") {
  const TemporaryFolder dir;
  write_tree(dir / "kfold", kPacsDomains, find_dataset("PACS").classes);
  const ImportPlan plan = plan_pacs(dir / "kfold");
  place(plan, dir / "out", LinkKind::kCopy);
  const auto whole = contents(dir / "out");
  const fs::path folder = dir / "out" / "PACS" / "photo" / "dog";
  fs::remove(folder / "pic_0.jpg");
  fs::remove_all(dir / "out" / "PACS" / "sketch");
  write_bytes(folder / ".partial-pic_0.jpg", "photo/do");
  const ImportResult result = place(plan, dir / "out", LinkKind::kCopy);
  CHECK(result.copies == 15);
  CHECK(result.already_there == 56 - 15);
  CHECK(contents(dir / "out") == whole);

  const auto time = fs::last_write_time(dir / "kfold" / "photo" / "dog" / "pic_0.jpg");
  CHECK(fs::last_write_time(folder / "pic_0.jpg") == time);
  fs::last_write_time(folder / "pic_0.jpg", time + std::chrono::hours(1));
  CHECK(place(plan, dir / "out", LinkKind::kCopy).already_there == 56);
}

TEST_CASE("nothing that is there already is overwritten or mixed in") {
  const TemporaryFolder dir;
  write_tree(dir / "kfold", kPacsDomains, find_dataset("PACS").classes);
  const ImportPlan plan = plan_pacs(dir / "kfold");
  const fs::path file = dir / "out" / "PACS" / "photo" / "dog" / "pic_0.jpg";
  const auto complaint = [&] { return error_of([&] { place(plan, dir / "out"); }); };
  for (const std::string other : {"photo/dog/PIC_0.jpg", "another size"}) {
    write_bytes(file, other);
    const auto time = fs::last_write_time(dir / "kfold" / "photo" / "dog" / "pic_0.jpg");
    if (other == "another size") fs::last_write_time(file, time);
    CHECK(mentions(complaint(), "pic_0.jpg: is there already and differs from"));
    CHECK(read_bytes(file) == other);
  }
  fs::remove(file);
  fs::create_symlink("/no/such/file", file);
  CHECK(mentions(complaint(), "is there already and differs from"));
  fs::remove(file);
  write_bytes(dir / "out" / "PACS" / "README.txt", "mine");
  CHECK(complaint().empty());
  const fs::path stray = write_bytes(dir / "out" / "PACS" / "photo" / "dog" / "stray.jpg", "x");
  CHECK(mentions(complaint(), stray.string() + ": is there already and not part of this import"));
}

TEST_CASE("the output may neither lie in the source nor hold it") {
  const TemporaryFolder dir;
  write_tree(dir / "PACS", kPacsDomains, find_dataset("PACS").classes, 1);
  write_tree(dir / "data" / "PACS" / "kfold", kPacsDomains, find_dataset("PACS").classes, 1);
  const auto before = contents(dir.path());
  const ImportPlan plan = plan_pacs(dir / "PACS");
  for (const fs::path& out : {dir.path(), dir / "PACS", dir / "PACS" / "photo", dir / "data" / ".." / "PACS"})
    CHECK(mentions(error_of([&] { place(plan, out); }), "lies in the source"));
  CHECK(mentions(error_of([&] { place(plan_pacs(dir / "data"), dir / "data"); }), "would be read as domains"));
  CHECK(contents(dir.path()) == before);
}
