// A checkpoint as a point of its loss surface: gradients are those of the losses, and batches do not matter.
#include "tools/measure/checkpoint_surface.h"

#include <doctest/doctest.h>

#include "optim/analysis/vectors.h"
#include "tests/optim/quadratics.h"
#include "tests/tiny_folder.h"
#include "tools/train/trainer.h"

namespace dgsam {
namespace {

/// A run whose checkpoint is opened in f64, on all images of the in-splits unless told otherwise.
class Surfaces {
 public:
  Surfaces() {
    TrainConfig config = folder_.config("erm", "run");
    config.sharpness_images = 0;
    Trainer(config).run();
  }
  CheckpointSurface open(int images, int batch_size, Precision precision = Precision::f64) const {
    return {read_checkpoint(checkpoint()),
            {.images = images, .place = {.precision = precision, .threads = 2, .batch_size = batch_size}}};
  }
  std::string checkpoint() const { return folder_.path("run/last.safetensors"); }
  const TinyFolder& folder() const { return folder_; }

 private:
  TinyFolder folder_;
};

TEST_CASE("surface: gradients are those of the losses, whatever the batch, and the total's their mean") {
  const Surfaces run;
  CheckpointSurface whole = run.open(6, 6), parts = run.open(6, 5);  // 5 leaves one image over
  REQUIRE(whole.losses().size() == 4);
  CHECK(whole.losses()[0].images == 6);
  CHECK(parts.losses()[0].images == 5);
  CHECK(parts.losses()[3].images == 10);

  CheckpointSurface halves = run.open(6, 3);
  const Vectors vectors(whole.backend(), whole.theta());
  FlatVector direction = vectors.make(), g = vectors.make(), again = vectors.make(), there = vectors.make();
  FlatVector mean = vectors.make();
  for (std::size_t i = 0; i < 4; ++i) {
    CAPTURE(whole.losses()[i].name);
    Loss& loss = *whole.losses()[i].loss;
    loss.gradient(whole.theta(), g);
    // Half along g, since loss() rounds logits to f32, and half anywhere.
    vectors.draw_direction(RandomStream(3, "direction", i), direction);
    vectors.add(1 / vectors.norm(g), g, direction);
    const double h = 1e-3;
    vectors.copy(whole.theta(), there);
    vectors.add(h, direction, there);
    const double ahead = loss.loss(there);
    vectors.add(-2 * h, direction, there);
    CHECK((ahead - loss.loss(there)) / (2 * h) == doctest::Approx(vectors.dot(g, direction)).epsilon(0.01));
    if (whole.losses()[i].role == "source") vectors.add(0.5, g, mean);

    halves.losses()[i].loss->gradient(halves.theta(), again);
    vectors.add(-1, g, again);
    CHECK(vectors.norm(again) < 1e-12 * vectors.norm(g));
    CHECK(halves.losses()[i].loss->loss(whole.theta()) == doctest::Approx(loss.loss(whole.theta())).epsilon(1e-12));
  }
  vectors.add(-1, g, mean);  // g is the total's
  CHECK(vectors.norm(mean) < 1e-12 * vectors.norm(g));
}

TEST_CASE("surface: parameters of other checkpoints are read, another network's refused by name") {
  const Surfaces run;
  CheckpointSurface surface = run.open(4, 4, Precision::f32);
  CHECK(read(surface.backend(), surface.parameters_of(run.checkpoint())) == read(surface.backend(), surface.theta()));
  CHECK(surface.losses()[1].role == "unseen");
  CHECK(surface.config().precision == Precision::f32);

  TrainConfig config = run.folder().config("erm", "other");
  config.model = "resnet18";
  config.image_size = 32;
  config.sharpness_images = 0;
  config.steps = 1;
  Trainer(config).run();
  const std::string other = run.folder().path("other/last.safetensors");
  CHECK(error_of([&] { surface.parameters_of(other); }).find(other) != std::string::npos);
  CHECK(error_of([&] { run.open(0, 4); }).find("at least one image") != std::string::npos);
}

}  // namespace
}  // namespace dgsam
