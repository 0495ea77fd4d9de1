// A folder that is made from a recipe: made once, completed after an interruption, never mixed with anything else.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

namespace dgsam {

/// Runs make() in `folder` unless recipe.json there says that the same recipe has been made already. Before make() the
/// recipe is written as recipe.unfinished.json, after it that file becomes recipe.json, so that a later call with the
/// same recipe completes what was interrupted.
/// Returns whether make() ran. Throws Error when the folder holds anything but the same recipe, or cannot be written.
bool make_by_recipe(const std::filesystem::path& folder, const std::string& recipe, const std::function<void()>& make);

}  // namespace dgsam
