// The names of tensors, without what wraps the network that they belong to.
#pragma once

#include <string>
#include <vector>

#include "engine/io/tensor_file.h"

namespace dgsam {

/// Gives tensors the names that torchvision's ResNets (and DomainBed's CNN for MNIST) have, by renaming and leaving out
/// entries. Understands
/// - prefixes of every name: "module." (DataParallel), "_orig_mod." (torch.compile), "model." (Lightning), "backbone.",
///   ..., and any other in front of one of these networks;
/// - DomainBed's and SWAD's algorithms: "featurizer.network.conv1.weight", "classifier.weight", and the same tensors
///   again under "network.";
/// - a network beside others: "backbone." with "classifier." (Dassl), "encoder_q." and "encoder_k." (MoCo).
/// Returns what was done, one line each, which begin with `file`. Other names stay.
std::vector<std::string> make_names_plain(std::vector<TensorFile::Entry>& entries, const std::string& file);

/// Leaves only the tensors whose names begin with the prefix, without it. Throws Error that names `file` and its first
/// names when there is none.
std::vector<std::string> strip_prefix(std::vector<TensorFile::Entry>& entries, const std::string& prefix,
                                      const std::string& file);

}  // namespace dgsam
