#include "data/splits.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <set>

#include "engine/core/check.h"

using namespace dgsam;

namespace {

using Indices = std::vector<int>;

Indices head(const Indices& all, std::size_t count) { return {all.begin(), all.begin() + std::min(count, all.size())}; }

}  // namespace

TEST_CASE("an MD5 is written as RFC 1321 does") {
  CHECK(md5_hex("") == "d41d8cd98f00b204e9800998ecf8427e");
  CHECK(md5_hex("abc") == "900150983cd24fb0d6963f7d28e17f72");
}

TEST_CASE("seed_hash gives DomainBed's seeds") {
  const std::uint32_t expected[3][6] = {{894182419, 1514274641, 1325548499, 1796103049, 1773288162, 1833038383},
                                        {785910682, 1442673865, 1981683110, 1739848239, 582996474, 65219121},
                                        {472130416, 181139023, 248334461, 1709828778, 402558190, 941488192}};
  for (int trial = 0; trial < 3; ++trial) {
    for (int env = 0; env < 6; ++env) CHECK(seed_hash(trial, env) == expected[trial][env]);
  }
  CHECK(seed_hash("('VLCS', 'ERM', [1, 2], 1, 0)") == 360234358);
}

TEST_CASE("shuffling equals NumPy's RandomState") {
  CHECK(numpy_shuffled_range(0, 10) == Indices{2, 8, 4, 9, 1, 6, 7, 3, 0, 5});
  CHECK(numpy_shuffled_range(3, 1) == Indices{0});
  CHECK(numpy_shuffled_range(3, 0).empty());
}

TEST_CASE("splits of the benchmark domains have DomainBed's sizes and order") {
  struct Row {
    const char* name;
    int env, n;
    std::size_t in, out;
    Indices out_head, in_head;
  };
  const std::vector<Row> rows = {
      {"PACS art_painting", 0, 2048, 1639, 409, {548, 677, 1997, 977, 1553}, {895, 510, 1575}},
      {"PACS cartoon", 1, 2344, 1876, 468, {1488, 562, 461, 570, 2092}, {1129, 1175, 567}},
      {"PACS photo", 2, 1670, 1336, 334, {1441, 1432, 282, 669, 637}, {764, 1046, 1426}},
      {"PACS sketch", 3, 3929, 3144, 785, {2743, 2083, 2744, 3449, 1159}, {2874, 719, 2027}},
      {"VLCS Caltech101", 0, 1415, 1132, 283, {222, 1032, 864, 859, 1037}, {508, 1125, 317}},
      {"VLCS LabelMe", 1, 2656, 2125, 531, {87, 24, 247, 1840, 1171}, {2095, 1388, 2579}},
      {"VLCS SUN09", 2, 3282, 2626, 656, {1126, 2443, 1194, 1200, 1218}, {1820, 2180, 2022}},
      {"VLCS VOC2007", 3, 3376, 2701, 675, {354, 3010, 2738, 1425, 2880}, {2044, 1530, 635}},
      {"OfficeHome Art", 0, 2427, 1942, 485, {822, 1832, 2137, 511, 1675}, {}},
      {"OfficeHome Clipart", 1, 4365, 3492, 873, {2980, 1874, 1471, 2938, 3667}, {}},
      {"OfficeHome Product", 2, 4439, 3552, 887, {3805, 738, 3281, 3190, 124}, {}},
      {"OfficeHome Real World", 3, 4357, 3486, 871, {3129, 932, 2845, 356, 587}, {}},
      {"TerraIncognita location_100", 0, 4879, 3904, 975, {}, {}},
      {"TerraIncognita location_38", 1, 9767, 7814, 1953, {}, {}},
      {"TerraIncognita location_43", 2, 4020, 3216, 804, {}, {}},
      {"TerraIncognita location_46", 3, 6122, 4898, 1224, {}, {}},
      {"DomainNet clipart", 0, 48129, 38504, 9625, {}, {}},
      {"DomainNet infograph", 1, 51605, 41284, 10321, {}, {}},
      {"DomainNet painting", 2, 72266, 57813, 14453, {}, {}},
      {"DomainNet quickdraw", 3, 172500, 138000, 34500, {}, {}},
      {"DomainNet real", 4, 172947, 138358, 34589, {}, {}},
      {"DomainNet sketch", 5, 69128, 55303, 13825, {}, {}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const Split split = split_indices(row.n, 0.2, 0, row.env);
    CHECK(split.in.size() == row.in);
    CHECK(split.out.size() == row.out);
    CHECK(head(split.out, row.out_head.size()) == row.out_head);
    CHECK(head(split.in, row.in_head.size()) == row.in_head);
  }
}

TEST_CASE("a split holds every index exactly once and changes with trial and environment") {
  const Split split = split_indices(997, 0.3, 1, 2);
  std::set<int> all(split.in.begin(), split.in.end());
  all.insert(split.out.begin(), split.out.end());
  CHECK(all.size() == 997);
  CHECK(split.in.size() + split.out.size() == 997);
  CHECK(*all.begin() == 0);
  CHECK(*all.rbegin() == 996);
  CHECK(split.in != split_indices(997, 0.3, 2, 2).in);
  CHECK(split.in != split_indices(997, 0.3, 1, 1).in);
  CHECK(split_indices(5, 0, 0, 0).out.empty());
}

TEST_CASE("a holdout fraction of 1 or more or below 0, and an empty domain, are refused") {
  CHECK_THROWS_AS(split_indices(10, 1.0, 0, 0), Error);
  CHECK_THROWS_AS(split_indices(10, -0.1, 0, 0), Error);
  CHECK_THROWS_AS(split_indices(0, 0.2, 0, 0), Error);
}
