// Decoded images in device memory: where they lie, the filters that their crops need, and batches of them.
#include "engine/image_store.h"

#include <algorithm>

#include "engine/cuda/cuda_kernel_backend.h"
#include "engine/cuda/image_batch.h"

namespace dgsam {
namespace {

/// Batches go through scratch memory of about this size, in as many groups of images as that takes.
constexpr std::size_t kScratchBytes = std::size_t{64} << 20;
constexpr int kMostImagesOfGroup = 256;

Tensor bytes_at(void* address, std::size_t bytes) {
  return {address, {DType::u8, {static_cast<std::int64_t>(bytes)}, Layout::dense}};
}

/// Images of `rows` rows that go through the scratch memory together; at least one.
int images_of_group(int rows, int size) {
  const std::size_t one = image_scratch_bytes(rows, 1, size);
  return static_cast<int>(std::clamp<std::size_t>(kScratchBytes / one, 1, kMostImagesOfGroup));
}

}  // namespace

class CudaKernelBackend::DeviceImageStore final : public ImageStore {
 public:
  DeviceImageStore(CudaKernelBackend& backend, const ImageStoreSpec& spec)
      : backend_(backend),
        size_(spec.size),
        longest_side_(spec.longest_side),
        mean_(spec.mean),
        std_(spec.std),
        group_(images_of_group(spec.longest_side, spec.size)),
        pixels_(backend, spec.bytes),
        scratch_(backend, image_scratch_bytes(spec.longest_side, group_, spec.size)),
        device_jobs_(backend, static_cast<std::size_t>(group_) * sizeof(ImageJob)) {
    make_filters(spec);
    jobs_.reserve(static_cast<std::size_t>(group_));
  }

  void add(int width, int height, const std::uint8_t* rgb) override {
    const std::size_t bytes = std::size_t{3} * static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
    require(width > 0 && height > 0 && std::max(width, height) <= longest_side_ && bytes <= pixels_.bytes() - used_,
            "an image of ", width, " x ", height, " pixels does not fit into what was reserved for all images");
    backend_.upload(bytes_at(pixels_.at(used_), bytes), rgb);
    images_.push_back({width, height, static_cast<const std::uint8_t*>(pixels_.at(used_))});
    used_ += bytes;
  }

  void make(std::span<const ImageRecipe> recipes, Tensor out) override {
    const Shape& shape = out.shape();
    require(shape.rank() == 4 && shape[0] == std::ssize(recipes) && shape[1] == size_, "images: ", out.type, " for ",
            recipes.size(), " recipes of ", size_, " x ", size_, " pixels");
    const std::size_t image_bytes = recipes.empty() ? 0 : out.bytes() / recipes.size();
    for (std::size_t first = 0; first < recipes.size(); first += static_cast<std::size_t>(group_)) {
      const auto group = recipes.subspan(first, std::min(recipes.size() - first, static_cast<std::size_t>(group_)));
      Tensor part = out;
      part.data = static_cast<std::byte*>(out.data) + first * image_bytes;
      part.type.shape = {std::ssize(group), shape[1], shape[2], shape[3]};
      make_group(group, part);
    }
  }

 private:
  struct StoredImage {
    int width, height;
    const std::uint8_t* rgb;
  };

  /// For every length that a crop can have: so that a batch brings its recipes and nothing else.
  void make_filters(const ImageStoreSpec& spec) {
    std::vector<std::int32_t> values;
    std::vector<std::size_t> begins;
    for (int pixels = 1; pixels <= spec.longest_side; ++pixels) {
      const ResizeFilter filter = spec.filter(pixels);
      begins.push_back(values.size());
      axes_.push_back({filter.taps, nullptr, nullptr});
      values.insert(values.end(), filter.first.begin(), filter.first.end());
      values.insert(values.end(), filter.weights.begin(), filter.weights.end());
    }
    const std::size_t bytes = values.size() * sizeof(std::int32_t);
    filters_ = Buffer(backend_, bytes);
    backend_.upload(bytes_at(filters_.data(), bytes), values.data());
    for (std::size_t i = 0; i < axes_.size(); ++i) {
      axes_[i].first = static_cast<const std::int32_t*>(filters_.data()) + begins[i];
      axes_[i].weights = axes_[i].first + size_;
    }
  }

  ImageJob job_of(const ImageRecipe& recipe) const {
    const StoredImage& image = images_.at(static_cast<std::size_t>(recipe.image));
    require(recipe.crop_x >= 0 && recipe.crop_y >= 0 && recipe.crop_columns > 0 && recipe.crop_rows > 0 &&
                recipe.crop_columns <= image.width - recipe.crop_x && recipe.crop_rows <= image.height - recipe.crop_y,
            "the crop ", recipe.crop_columns, " x ", recipe.crop_rows, " at (", recipe.crop_x, ", ", recipe.crop_y,
            ") is not inside an image of ", image.width, " x ", image.height);
    return {recipe, image.rgb, image.width, axes_[static_cast<std::size_t>(recipe.crop_columns - 1)],
            axes_[static_cast<std::size_t>(recipe.crop_rows - 1)]};
  }

  void make_group(std::span<const ImageRecipe> recipes, Tensor out) {
    jobs_.clear();
    int crop_rows = 0;
    for (const ImageRecipe& recipe : recipes) {
      jobs_.push_back(job_of(recipe));
      crop_rows = std::max(crop_rows, recipe.crop_rows);
    }
    backend_.upload(bytes_at(device_jobs_.data(), jobs_.size() * sizeof(ImageJob)), jobs_.data());
    make_images(backend_.queue(), {static_cast<const ImageJob*>(device_jobs_.data()), crop_rows, mean_, std_},
                scratch_.data(), out);
  }

  CudaKernelBackend& backend_;
  int size_, longest_side_;
  std::array<float, 3> mean_, std_;
  int group_;  ///< images that go through the scratch memory together
  Buffer pixels_, scratch_, device_jobs_, filters_;
  std::size_t used_ = 0;  ///< bytes of pixels_
  std::vector<StoredImage> images_;
  std::vector<ResizeAxis> axes_;  ///< of 1, 2, 3, ... pixels
  std::vector<ImageJob> jobs_;    ///< of the group that is being made
};

std::unique_ptr<ImageStore> CudaKernelBackend::make_image_store(const ImageStoreSpec& spec) {
  return std::make_unique<DeviceImageStore>(*this, spec);
}

}  // namespace dgsam
