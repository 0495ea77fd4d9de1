#include "models/device_batch.h"

#include "engine/core/check.h"

namespace dgsam {
namespace {

Type with_images(const Type& type, std::int64_t count, DType dtype) {
  return {dtype, {count, type.shape[1], type.shape[2], type.shape[3]}, Layout::dense};
}

}  // namespace

Type image_type(const Graph& graph, int parts) {
  const Type& all = graph.type(graph.input_named("images"));
  const std::int64_t images = all.shape[0];
  require(parts >= 1 && images % parts == 0, "a network for ", images, " images cannot take ", parts, " equal batches");
  return with_images(all, images / parts, all.dtype);
}

DeviceBatch::DeviceBatch(Backend& backend, const Type& part, int parts, Uploads uploads)
    : backend_(&backend), part_(part), parts_(parts), uploads_(uploads) {
  const auto count = static_cast<std::size_t>(parts);
  images_ = Buffer(backend, count * part.bytes());
  labels_ = Buffer(backend, count * static_cast<std::size_t>(part_size()) * sizeof(std::int32_t));
  counters_ = Buffer(backend, kStepCounters * sizeof(std::int64_t));
  const std::size_t f32_bytes = static_cast<std::size_t>(part.elements()) * sizeof(float);
  if (uploads == Uploads::early) {
    staging_ = Buffer(backend, count * f32_bytes);
  } else if (part.dtype != DType::f32) {
    staging_ = Buffer(backend, f32_bytes);
  }
}

void DeviceBatch::load(const ImageBatch& batch, int part) {
  const std::int64_t count = std::ssize(batch.labels);
  require(count <= part_size(), "a batch of ", count, " images for a network of ", part_size());
  require(part >= 0 && part < parts_, "batch ", part, " of a network that takes ", parts_);
  require(batch.make || batch.pixels, "a batch without images");
  const Tensor images = first_images(part, count);
  if (batch.make) {
    batch.make(images);
  } else if (staging_.data()) {
    const Tensor arrived = staging(part, count);
    uploads_ == Uploads::early ? backend_->upload_early(arrived, batch.pixels)
                               : backend_->upload(arrived, batch.pixels);
    backend_->cast(arrived, images);
  } else {
    backend_->upload(images, batch.pixels);
  }
  backend_->upload({labels(part, 1).data, {DType::i32, {count}, Layout::dense}}, batch.labels.data());
}

Tensor DeviceBatch::images(int first, int count) {
  return {first_images(first, 1).data, with_images(part_, count * part_size(), part_.dtype)};
}

Tensor DeviceBatch::labels(int first, int count) {
  const std::size_t offset = static_cast<std::size_t>(first * part_size()) * sizeof(std::int32_t);
  return {labels_.at(offset), {DType::i32, {count * part_size()}, Layout::dense}};
}

std::array<NamedInput, 3> DeviceBatch::inputs() {
  return {NamedInput{"images", images(0, parts_)},
          {"labels", labels(0, parts_)},
          {"counters", {counters_.data(), {DType::i64, {kStepCounters}, Layout::dense}}}};
}

Tensor DeviceBatch::first_images(int part, std::int64_t count) {
  return {images_.at(static_cast<std::size_t>(part) * part_.bytes()), with_images(part_, count, part_.dtype)};
}

Tensor DeviceBatch::staging(int part, std::int64_t count) {
  const std::size_t f32_bytes = static_cast<std::size_t>(part_.elements()) * sizeof(float);
  const std::size_t offset = uploads_ == Uploads::early ? static_cast<std::size_t>(part) * f32_bytes : 0;
  return {staging_.at(offset), with_images(part_, count, DType::f32)};
}

}  // namespace dgsam
