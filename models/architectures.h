// The forward passes of the models, without inputs and gradients.
#pragma once

#include "models/layers.h"

namespace dgsam {

void append_resnet(Layers& layers, const ResNetSpec& resnet, Value images, int classes);
/// DomainBed's MNIST_CNN: four 3x3 convolutions of 64, 128, 128 and 128 channels, the second with stride 2, each
/// followed by ReLU and then group norm with 8 groups.
void append_mnist_cnn(Layers& layers, Value images, int classes);

}  // namespace dgsam
