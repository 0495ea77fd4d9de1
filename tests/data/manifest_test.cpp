// Data sets as lists of files: CSV and JSON, and every way in which a list can be wrong.
#include "data/manifest.h"

#include <doctest/doctest.h>

#include "data/splits.h"
#include "tests/temporary_folder.h"

using namespace dgsam;

namespace {

bool mentions(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// A folder with the files a.png to f.png and a list of them.
class List {
 public:
  explicit List(const std::string& text, const std::string& name = "list.csv") : path_(dir_ / name) {
    for (const char* file : {"a.png", "b.png", "c.png", "d.png", "sub/e, \"2\".png", "sub/f.png"}) {
      write_bytes(dir_ / file, "x");
    }
    write_bytes(path_, text);
  }
  ImageFolder open(MissingClasses missing = MissingClasses::refuse) const { return open_manifest(path_, missing); }
  std::string error() const {
    return error_of([&] { open(); });
  }
  std::string file(const std::string& name) const { return dir_.file(name); }

 private:
  TemporaryFolder dir_;
  std::filesystem::path path_;
};

std::string described(const ImageFolder& folder) {
  std::string text;
  for (const Domain& domain : folder.domains) {
    text += domain.name + ":";
    for (const Sample& sample : domain.samples) {
      text += " " + sample.path.lexically_relative(folder.root).string() + "=" +
              folder.classes[static_cast<std::size_t>(sample.label)];
    }
    text += ";";
  }
  return text;
}

}  // namespace

TEST_CASE("a CSV list gives domains, classes and images in byte order, whatever the order of rows and columns") {
  const std::string expected = "field: a.png=cat b.png=dog;studio: sub/f.png=cat sub/e, \"2\".png=dog;";
  const List plain(
      "path,domain,label\nb.png,field,dog\na.png,field,cat\nsub/f.png,studio,cat\n"
      "\"sub/e, \"\"2\"\".png\",studio,dog\n");
  CHECK(described(plain.open()) == expected);
  CHECK(plain.open().notes.empty());
  const List excel(
      "\xEF\xBB\xBFlabel,path,note,domain\r\ncat,sub/f.png,\"two\nlines\",studio\r\n\r\n"
      "dog,\"sub/e, \"\"2\"\".png\",,studio\r\ncat,a.png,,field\r\ndog,b.png,,field");
  CHECK(described(excel.open()) == expected);
  CHECK(mentions(excel.open().notes.at(0), "ignored note"));
  const List json(
      "[{\"path\": \"sub/e, \\\"2\\\".png\", \"domain\": \"studio\", \"label\": \"dog\", \"more\": {\"a\": [1]}},\n"
      " {\"path\": \"sub/f.png\", \"domain\": \"studio\", \"label\": \"cat\"},\n"
      " {\"path\": \"a.png\", \"domain\": \"field\", \"label\": \"cat\"},\n"
      " {\"path\": \"b.png\", \"domain\": \"field\", \"label\": \"dog\"}]",
      "list.json");
  CHECK(described(json.open()) == expected);
  CHECK(mentions(json.open().notes.at(0), "ignored more"));
}

TEST_CASE("what is wrong with a list is told with its file, its line and what was expected") {
  const auto error = [](const std::string& text) { return List(text).error(); };
  CHECK(mentions(error(""), "list.csv: is empty; expected a header line with path,domain,label[,split]"));
  CHECK(mentions(error("path;domain;label\n"), "list.csv line 1: has no column \"path\""));
  CHECK(mentions(error("path;domain;label\n"), "separated by commas"));
  CHECK(mentions(error("path,label\n"), "list.csv line 1: has no column \"domain\""));
  CHECK(mentions(error("path,domain,label,path\n"), "has the column \"path\" twice"));
  CHECK(mentions(error("path,domain,label\n"), "lists no image"));
  CHECK(mentions(error("path,domain,label\na.png,x,cat\nb.png,x\n"), "list.csv line 3: has 2 fields, the header 3"));
  CHECK(mentions(error("path,domain,label\na.png,x,\n"), "list.csv line 2: has no label"));
  CHECK(mentions(error("path,domain,label\n\"a.png,x,cat\n"), "list.csv line 2: a quoted field does not end"));
  CHECK(mentions(error("path,domain,label\n\"a\".png,x,cat\n"), "line 2: there is text behind a closing quote"));
  CHECK(mentions(error("path,domain,label\n\na.png,x,cat\n./a.png,x,dog\n"),
                 "list.csv line 4: ./a.png is listed in line 3 already"));
  CHECK(mentions(error("path,domain,label\nz.png,x,cat\n"), "line 2: z.png is not there; paths are relative to the"));
  CHECK(mentions(error("path,domain,label\nsub,x,cat\n"), "list.csv line 2: sub is no file"));
  CHECK(mentions(error("path,domain,label,split\na.png,x,cat,train\n"), "line 2: split is \"train\"; it must be in"));
  CHECK(mentions(error("path,domain,label,split\na.png,x,cat,in\nb.png,x,cat,\n"),
                 "line 3: has no split, and line 2 of the same domain 'x' has one"));
  CHECK(mentions(error("path,domain,label\na.png,x,cat\nb.png,y,dog\n"), "'cat' is in 'x' only"));

  const auto json_error = [](const std::string& text) { return List(text, "list.json").error(); };
  CHECK(mentions(json_error("{\"path\": \"a.png\"}"), "list.json line 1: expected a list of objects"));
  CHECK(mentions(json_error("[\n3]"), "list.json line 2: expected a list of objects"));
  CHECK(mentions(json_error("[\n{\"path\": \"a.png\",\n \"domain\": [\"x\"]}]"), "list.json line 3: expected a list"));
  CHECK(mentions(json_error("[\n{\"path\": \"a.png\", \"domain\": \"x\"}]"), "list.json line 2: has no label"));
  CHECK(mentions(json_error("[{\"path\": 1.5}]"), "\"path\" is 1.5; it must be text"));
  CHECK(mentions(json_error("[{\"path\": \"a.png\",]"), "list.json: cannot be read as JSON: parse error at line 1"));

  CHECK(mentions(List("", "list.txt").error(), "list.txt: its name must end in .csv or .json"));
  CHECK(mentions(error_of([] { open_manifest("/no/such.csv"); }), "/no/such.csv"));
}

TEST_CASE("a whole number as label in JSON is its text, and a list that was cut anywhere is an Error") {
  const std::string text = "[{\"path\": \"a.png\", \"domain\": \"x\", \"label\": 7, \"split\": \"in\"}]";
  CHECK(List(text, "list.json").open().classes == std::vector<std::string>{"7"});
  for (std::size_t length = 0; length < text.size(); ++length) {
    CHECK_FALSE(List(text.substr(0, length), "list.json").error().empty());
  }
}

TEST_CASE("a split that the list gives takes the place of the seeded one, domain by domain") {
  const List list(
      "path,domain,label,split\na.png,x,cat,out\nb.png,x,cat,in\nc.png,x,cat,in\nd.png,y,cat,\n"
      "sub/f.png,y,cat,\n");
  const ImageFolder folder = list.open();
  const Split given = split_domain(folder.domains[0], 0.5, 3, 0);
  CHECK(given.in == std::vector<int>{1, 2});
  CHECK(given.out == std::vector<int>{0});
  const Split seeded = split_domain(folder.domains[1], 0.5, 3, 1), expected = split_indices(2, 0.5, 3, 1);
  CHECK(seeded.in == expected.in);
  CHECK(seeded.out == expected.out);
}

TEST_CASE("with missing classes allowed the classes are those of all domains, and a note says who lacks which") {
  const List list("path,domain,label\na.png,x,cat\nb.png,x,dog\nc.png,y,dog\nd.png,z,emu\n");
  CHECK(mentions(list.error(), "--allow-missing-classes"));
  const ImageFolder folder = list.open(MissingClasses::allow);
  CHECK(folder.classes == std::vector<std::string>{"cat", "dog", "emu"});
  CHECK(folder.domains[1].samples.at(0).label == 1);
  CHECK(folder.domains[2].samples.at(0).label == 2);
  CHECK(folder.notes.at(0) ==
        "the 3 classes are those of all domains together, and x has no image of emu; y has no image of cat, emu; "
        "z has no image of cat, dog");
}
