#include "tools/train/batch_statistics.h"

#include <utility>

#include "optim/moving_average.h"
#include "tools/terminal/progress.h"

namespace dgsam {

FlatVector estimate_statistics(Backend& backend, const ModelSpec& model, NetworkOptions options,
                               std::shared_ptr<Arena> arena, TrainingBatches& batches, int domains, int count,
                               const FlatVector& theta) {
  options.training = true;
  options.compile.gradients = false;
  options.dropout = 0;
  options.batch_norm = BatchNormMode::batch;
  options.bn.running = RunningStatistics::every_pass;
  options.bn.momentum = 1;  // what a pass leaves is its own batch's
  Program program(build_network(model, options).graph, backend, std::move(arena));
  DeviceBatch batch(backend, image_type(program.graph(), domains), domains);
  FlatVector own(backend, program.graph().statistic_layout(), program.graph().master());
  FlatVector mean(backend, own.shared_layout(), own.dtype());
  ProgressBar progress("Statistics of batch norm", count);
  for (int done = 0; done < count; ++done) {
    int domain = 0;
    for (const ImageBatch& of_domain : batches.next()) batch.load(of_domain, domain++);
    program.run({.theta = &theta, .statistics = &own, .running_statistics = &own, .inputs = batch.inputs()});
    add_to_mean(backend, own, done, mean);
    progress.advance(1);
  }
  progress.finish();
  return mean;
}

}  // namespace dgsam
