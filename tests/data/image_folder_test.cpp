#include "data/image_folder.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "tests/temporary_folder.h"

using namespace dgsam;

namespace {

/// Names below the root, in the order of the samples.
std::vector<std::string> names(const ImageFolder& folder, const Domain& domain) {
  std::vector<std::string> result;
  for (const Sample& sample : domain.samples)
    result.push_back(std::filesystem::relative(sample.path, folder.root / domain.name).string());
  return result;
}

bool mentions(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("domains, classes and files come in byte order") {
  const TemporaryFolder dir;
  for (const char* domain : {"location_38", "location_100", "Real World", "art"}) {
    for (const char* file : {"dog/b.jpg", "dog/B.jpg", "dog/a10.png", "dog/a9.png", "Cat/x.JPEG"})
      write_bytes(dir / domain / file, "");
  }
  const ImageFolder folder = open_image_folder(dir.path());
  REQUIRE(folder.domains.size() == 4);
  CHECK(folder.domains[0].name == "Real World");
  CHECK(folder.domains[1].name == "art");
  CHECK(folder.domains[2].name == "location_100");
  CHECK(folder.domains[3].name == "location_38");
  CHECK(folder.classes == std::vector<std::string>{"Cat", "dog"});
  CHECK(names(folder, folder.domains[2]) ==
        std::vector<std::string>{"Cat/x.JPEG", "dog/B.jpg", "dog/a10.png", "dog/a9.png", "dog/b.jpg"});
  CHECK(folder.domains[2].samples[0].label == 0);
  CHECK(folder.domains[2].samples[1].label == 1);
  CHECK(folder.notes.empty());
}

TEST_CASE("nested folders are walked in the order of their whole paths, as torchvision does") {
  const TemporaryFolder dir;
  for (const char* file : {"z.png", "a/1.png", "a/c/2.png", "a-b/3.png", "A/4.png"})
    write_bytes(dir / "domain" / "class" / file, "");
  const ImageFolder folder = open_image_folder(dir.path());
  CHECK(names(folder, folder.domains[0]) == std::vector<std::string>{"class/z.png", "class/A/4.png", "class/a/1.png",
                                                                     "class/a-b/3.png", "class/a/c/2.png"});
}

TEST_CASE("other extensions and loose files are ignored, dot-names skipped with a note") {
  const TemporaryFolder dir;
  for (const char* file : {"d/c/1.png", "d/c/list.txt", "d/c/._1.png", "d/c/.thumbs/2.png", "d/notes.png", "README.png",
                           ".cache/c/3.png", "d/.hidden/4.png", "d/c/5.webp", "d/c/6.TIFF"})
    write_bytes(dir / file, "");
  const ImageFolder folder = open_image_folder(dir.path());
  REQUIRE(folder.domains.size() == 1);
  CHECK(folder.classes == std::vector<std::string>{"c"});
  CHECK(names(folder, folder.domains[0]) == std::vector<std::string>{"c/1.png", "c/5.webp", "c/6.TIFF"});
  REQUIRE(folder.notes.size() == 1);
  CHECK(mentions(folder.notes[0], "skipped 4 name"));
}

TEST_CASE("a FIFO with an image's name is skipped with a note, and nothing waits for it") {
  const TemporaryFolder dir;
  write_bytes(dir / "d/c/1.png", "");
  REQUIRE(::mkfifo((dir / "d/c/0.png").c_str(), 0600) == 0);
  std::filesystem::create_symlink(dir / "d/c/0.png", dir / "d/c/2.png");
  std::filesystem::create_symlink("/dev/zero", dir / "d/c/3.png");
  const ImageFolder folder = open_image_folder(dir.path());
  CHECK(names(folder, folder.domains[0]) == std::vector<std::string>{"c/1.png"});
  REQUIRE(folder.notes.size() == 1);
  CHECK(mentions(folder.notes[0], "skipped 3 FIFO(s)"));
  CHECK(mentions(folder.notes[0], "c/0.png"));
}

TEST_CASE("class lists that differ are an error naming both domains and the class") {
  const TemporaryFolder dir;
  for (const char* file : {"art/dog/1.png", "art/cat/1.png", "photo/dog/1.png"}) write_bytes(dir / file, "");
  const std::string error = error_of([&] { open_image_folder(dir.path()); });
  CHECK(mentions(error, "'art'"));
  CHECK(mentions(error, "'photo'"));
  CHECK(mentions(error, "'cat'"));
}

TEST_CASE("a missing root and empty roots, domains and classes are errors naming the folder") {
  const TemporaryFolder dir;
  CHECK(mentions(error_of([&] { open_image_folder(dir / "none"); }), "none: no such directory"));
  CHECK(mentions(error_of([&] { open_image_folder(dir.path()); }), "holds no domain"));
  std::filesystem::create_directories(dir / "domain");
  CHECK(mentions(error_of([&] { open_image_folder(dir.path()); }), "domain: this domain holds no class"));
  write_bytes(dir / "domain" / "class" / "text.txt", "");
  CHECK(mentions(error_of([&] { open_image_folder(dir.path()); }), "class: this class folder holds no image"));
}

TEST_CASE("folders left over from unpacking are refused as domains and as classes, by name") {
  for (const char* leftover : {"__MACOSX", "eccv_18_all_images_sm", "eccv_18_annotation_files", "splits", "@eaDir"}) {
    CAPTURE(leftover);
    const TemporaryFolder dir;
    for (const char* file : {"art/dog/1.png", "photo/dog/1.png"}) write_bytes(dir / file, "");
    write_bytes(dir / leftover / "dog" / "1.png", "");
    const std::string as_domain = error_of([&] { open_image_folder(dir.path()); });
    CHECK(mentions(as_domain, dir.path().string() + " holds " + leftover));
    CHECK(mentions(as_domain, "not a domain"));
    std::filesystem::remove_all(dir / leftover);
    for (const char* domain : {"art", "photo"}) write_bytes(dir / domain / leftover / "1.png", "");
    const std::string as_class = error_of([&] { open_image_folder(dir.path()); });
    CHECK(mentions(as_class, dir.file("art") + " holds " + leftover));
    CHECK(mentions(as_class, "not a class"));
  }
}

TEST_CASE(
    "with missing classes allowed a tree's classes are those of all domains, an empty folder is a missing class") {
  const TemporaryFolder dir;
  for (const char* file : {"x/cat/1.png", "x/dog/1.png", "y/dog/1.png", "y/emu/1.png"}) write_bytes(dir / file, "");
  std::filesystem::create_directories(dir / "y/cat");
  CHECK(mentions(error_of([&] { open_image_folder(dir.path()); }), "--allow-missing-classes"));
  const ImageFolder folder = open_image_folder(dir.path(), MissingClasses::allow);
  CHECK(folder.classes == std::vector<std::string>{"cat", "dog", "emu"});
  REQUIRE(folder.domains[1].samples.size() == 2);
  CHECK(folder.domains[1].samples[0].label == 1);
  CHECK(folder.domains[1].samples[1].label == 2);
  CHECK(mentions(folder.notes.at(0), "x has no image of emu; y has no image of cat"));

  std::filesystem::create_directories(dir / "x/fox");
  CHECK(mentions(error_of([&] { open_image_folder(dir.path(), MissingClasses::allow); }),
                 "no domain has an image of class 'fox'"));
}
