#include "tools/train/event_file.h"

#include <doctest/doctest.h>

#include <chrono>
#include <csignal>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <thread>

#include "tests/process.h"
#include "tests/temporary_folder.h"
#include "tests/tiny_folder.h"
#include "tools/train/run_state.h"
#include "tools/train/tensorboard.h"
#include "tools/train/trainer.h"

namespace dgsam {
namespace {

// An independent reader: CRC-32C bit by bit, and protobuf field by field.

std::uint32_t slow_crc32c(std::string_view bytes) {
  std::uint32_t crc = ~0u;
  for (const char byte : bytes) {
    crc ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = crc & 1 ? crc >> 1 ^ 0x82F63B78u : crc >> 1;
  }
  return ~crc;
}

template <class T>
T take(std::string_view& bytes) {
  REQUIRE(bytes.size() >= sizeof(T));
  T value;
  std::memcpy(&value, bytes.data(), sizeof value);
  bytes.remove_prefix(sizeof value);
  return value;
}

std::string_view take(std::string_view& bytes, std::size_t count) {
  REQUIRE(bytes.size() >= count);
  const std::string_view part = bytes.substr(0, count);
  bytes.remove_prefix(count);
  return part;
}

std::uint64_t take_varint(std::string_view& bytes) {
  std::uint64_t value = 0;
  for (int shift = 0;; shift += 7) {
    const auto byte = take<std::uint8_t>(bytes);
    value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) return value;
  }
}

/// Field number to raw values, in order; numbers as their bits.
struct Message {
  std::map<int, std::vector<std::uint64_t>> numbers;
  std::map<int, std::vector<std::string_view>> bytes;
};

Message parse(std::string_view bytes) {
  Message message;
  while (!bytes.empty()) {
    const std::uint64_t key = take_varint(bytes);
    const int field = static_cast<int>(key >> 3);
    switch (key & 7) {
      case 0:
        message.numbers[field].push_back(take_varint(bytes));
        break;
      case 1:
        message.numbers[field].push_back(take<std::uint64_t>(bytes));
        break;
      case 2: {
        const std::uint64_t length = take_varint(bytes);
        message.bytes[field].push_back(take(bytes, length));
        break;
      }
      case 5:
        message.numbers[field].push_back(take<std::uint32_t>(bytes));
        break;
      default:
        FAIL("unknown wire type");
    }
  }
  return message;
}

struct Event {
  double wall_time = 0;
  std::int64_t step = 0;
  std::string version;
  bool starts = false;
  std::map<std::string, float> scalars;
};

std::vector<Event> read_events(const std::filesystem::path& path) {
  const std::string file = read_bytes(path);
  std::string_view bytes = file;
  std::vector<Event> events;
  const auto unmask = [](std::uint32_t masked) {
    const std::uint32_t rotated = masked - 0xA282EAD8u;
    return rotated << 15 | rotated >> 17;
  };
  while (!bytes.empty()) {
    const std::string_view head = bytes.substr(0, 8);
    const auto length = take<std::uint64_t>(bytes);
    CHECK(unmask(take<std::uint32_t>(bytes)) == slow_crc32c(head));
    const std::string_view data = take(bytes, length);
    CHECK(unmask(take<std::uint32_t>(bytes)) == slow_crc32c(data));
    const Message message = parse(data);
    Event event;
    std::memcpy(&event.wall_time, &message.numbers.at(1).at(0), sizeof event.wall_time);
    event.step = static_cast<std::int64_t>(message.numbers.at(2).at(0));
    if (message.bytes.contains(3)) event.version = message.bytes.at(3)[0];
    if (message.bytes.contains(7)) event.starts = parse(message.bytes.at(7)[0]).numbers.at(1).at(0) == 1;
    if (message.bytes.contains(5)) {
      const Message summary = parse(message.bytes.at(5)[0]);
      for (const std::string_view value : summary.bytes.at(1)) {
        const Message fields = parse(value);
        const auto bits = static_cast<std::uint32_t>(fields.numbers.at(2).at(0));
        std::memcpy(&event.scalars[std::string(fields.bytes.at(1).at(0))], &bits, sizeof bits);
      }
    }
    events.push_back(std::move(event));
  }
  return events;
}

std::vector<std::filesystem::path> event_files(const std::filesystem::path& folder) {
  std::set<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().filename().string().starts_with(kEventFilePrefix)) paths.insert(entry.path());
  }
  return {paths.begin(), paths.end()};
}

/// Tag to step to value, as TensorBoard reads a folder: files by name, and a session's start drops what is not before
/// it. A step that comes twice fails.
std::map<std::string, std::map<std::int64_t, float>> read_folder(const std::filesystem::path& folder) {
  std::map<std::string, std::map<std::int64_t, float>> series;
  for (const auto& path : event_files(folder)) {
    for (const Event& event : read_events(path)) {
      for (auto& [tag, points] : series) {
        if (event.starts) points.erase(points.lower_bound(event.step), points.end());
      }
      for (const auto& [tag, value] : event.scalars) CHECK(series[tag].emplace(event.step, value).second);
    }
  }
  return series;
}

}  // namespace

TEST_CASE("event file: CRC-32C of known answers") {  // RFC 3720, B.4
  std::string ascending, descending;
  for (int i = 0; i < 32; ++i) {
    ascending += static_cast<char>(i);
    descending += static_cast<char>(31 - i);
  }
  CHECK(crc32c("") == 0);
  CHECK(crc32c("123456789") == 0xE3069283u);
  CHECK(crc32c(std::string(32, '\0')) == 0x8A9136AAu);
  CHECK(crc32c(std::string(32, '\xFF')) == 0x62A8AB43u);
  CHECK(crc32c(ascending) == 0x46DD794Eu);
  CHECK(crc32c(descending) == 0x113FDB5Cu);
}

TEST_CASE("event file: what is written is read back, a session start first") {
  const TemporaryFolder folder;
  double now = 1.7e9;
  {
    EventFile file(folder.path(), 7, [&] { return now += 0.5; });
    file.append(7, {{"train/loss", 2.5}, {"grad_norm/1", -1e-3}});
    file.append(300, {{"train/loss", 1e30}});  // a step of two bytes as a varint
    file.append(std::int64_t{1} << 40, {{std::string(200, 'x'), 0}});
  }
  const auto paths = event_files(folder.path());
  REQUIRE(paths.size() == 1);
  CHECK(paths[0].filename().string().starts_with("events.out.tfevents.1700000000."));
  const std::vector<Event> events = read_events(paths[0]);
  REQUIRE(events.size() == 5);
  CHECK(events[0].version == "brain.Event:2");
  CHECK(events[1].starts);
  CHECK(events[1].step == 7);
  CHECK(events[2].step == 7);
  CHECK(events[2].scalars == std::map<std::string, float>{{"train/loss", 2.5f}, {"grad_norm/1", -1e-3f}});
  CHECK(events[2].wall_time == 1.7e9 + 2);
  CHECK(events[3].step == 300);
  CHECK(events[3].scalars.at("train/loss") == 1e30f);
  CHECK(events[4].step == std::int64_t{1} << 40);
  CHECK(events[4].scalars.contains(std::string(200, 'x')));
}

TEST_CASE("event file: a file made in the same second is read after the one before, and replaces none") {
  const TemporaryFolder folder;
  const auto clock = [] { return 1.7e9; };
  for (int i = 0; i < 3; ++i) EventFile(folder.path(), i, clock);
  const auto paths = event_files(folder.path());
  REQUIRE(paths.size() == 3);
  for (int i = 0; i < 3; ++i) CHECK(read_events(paths[static_cast<std::size_t>(i)])[1].step == i);
}

TEST_CASE("tensorboard: scalars of a line of metrics and of results") {
  const nlohmann::ordered_json dgsam{
      {"step", 3}, {"loss", 2.0}, {"losses", {1.0, 3.0}}, {"domains", {0, 1}}, {"grad_norms", {5.0, 6.0}}};
  CHECK(step_scalars(dgsam, 0.25) == Scalars{{"train/loss", 2.0},
                                             {"train/seconds_per_step", 0.25},
                                             {"pass_loss/1", 1.0},
                                             {"pass_loss/2", 3.0},
                                             {"grad_norm/1", 5.0},
                                             {"grad_norm/2", 6.0}});
  const nlohmann::json results{
      {"step", 3},           {"loss", 9.0},         {"env0_out_acc", 0.5}, {"env0_out_loss", 1.5},
      {"env1_in_acc", 0.75}, {"env1_in_loss", 0.5}, {"val_acc", 0.5},      {"val_loss", 1.5}};
  CHECK(evaluation_scalars(results, {"photo", "sketch"}) == Scalars{{"accuracy/photo_out", 0.5},
                                                                    {"eval_loss/photo_out", 1.5},
                                                                    {"accuracy/sketch_in", 0.75},
                                                                    {"eval_loss/sketch_in", 0.5},
                                                                    {"val/accuracy", 0.5},
                                                                    {"val/loss", 1.5}});
}

TEST_CASE("tensorboard: a run writes the same results with it, and its lines as scalars") {
  const TinyFolder folder;
  for (const bool on : {false, true}) {
    TrainConfig config = folder.config("sam", on ? "on" : "off");
    config.tensorboard = on;
    Trainer(config).run();
  }
  CHECK(event_files(folder.path("off")).empty());
  CHECK(read_bytes(folder.path("on/metrics.jsonl")) == read_bytes(folder.path("off/metrics.jsonl")));
  const auto series = read_folder(folder.path("on"));
  for (const char* tag :
       {"train/loss", "train/perturbed_loss", "grad_norm/1", "grad_norm/2", "train/seconds_per_step"}) {
    CAPTURE(tag);
    REQUIRE(series.contains(tag));
    CHECK(series.at(tag).size() == 3);
  }
  std::stringstream results(read_bytes(folder.path("on/results.jsonl")));
  int evaluations = 0;
  for (std::string text; std::getline(results, text); ++evaluations) {
    const auto line = nlohmann::json::parse(text);
    const auto step = line["step"].get<std::int64_t>();
    CHECK(series.at("accuracy/d1_in").at(step) == line["env1_in_acc"].get<float>());
    CHECK(series.at("accuracy/d2_out").at(step) == line["env2_out_acc"].get<float>());
    CHECK(series.at("val/accuracy").at(step) == line["val_acc"].get<float>());
    CHECK(series.at("eval_loss/d0_out").at(step) == line["env0_out_loss"].get<float>());
  }
  CHECK(evaluations == 2);
  TrainConfig again = folder.config("sam", "on");
  again.overwrite = true;
  Trainer(again).run();
  CHECK(event_files(folder.path("on")).empty());  // replaced like every file of a run
}

TEST_CASE("tensorboard: a run that was stopped and resumed has every step once") {
  const TinyFolder folder;
  const std::string out = folder.path("run");
  const std::vector<std::string> resume{"train", "--resume", "--out", out};
  std::vector<std::string> begin = resume;
  for (const auto& [flag, value] : std::vector<std::pair<std::string, std::string>>{{"data-dir", folder.data()},
                                                                                    {"test-env", "d1"},
                                                                                    {"algorithm", "dgsam"},
                                                                                    {"model", "mnist-cnn"},
                                                                                    {"image-size", "16"},
                                                                                    {"steps", "120"},
                                                                                    {"eval-every", "20"},
                                                                                    {"batch-size", "2"},
                                                                                    {"save-every", "3"},
                                                                                    {"threads", "1"},
                                                                                    {"sharpness-images", "0"},
                                                                                    {"tensorboard", "on"}}) {
    begin.insert(begin.end(), {"--" + flag, value});
  }
  const auto previous = std::filesystem::path(out) / kPreviousStateFile;
  {
    const Process process(begin, folder.path("log"));
    while (!std::filesystem::exists(previous)) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    process.signal(SIGTERM);
    REQUIRE(process.wait() == 128 + SIGTERM);
  }
  // What a killed run leaves: points of steps that no state knows of.
  EventFile(out, 119).append(119, {{"train/loss", -1}, {"left/over", -1}});
  REQUIRE(Process(resume, folder.path("log")).wait() == 0);

  CHECK(event_files(out).size() == 3);
  const auto series = read_folder(out);
  CHECK(series.at("left/over").empty());
  CHECK(series.at("accuracy/d1_in").size() == 7);
  std::stringstream metrics(read_bytes(out + "/metrics.jsonl"));
  std::int64_t steps = 0;
  for (std::string text; std::getline(metrics, text); ++steps) {
    const auto line = nlohmann::json::parse(text);
    CHECK(series.at("train/loss").at(steps) == line["loss"].get<float>());
    CHECK(series.at("grad_norm/3").at(steps) == line["grad_norms"][2].get<float>());
  }
  CHECK(steps == 120);
  CHECK(series.at("train/loss").size() == 120);
}

}  // namespace dgsam
