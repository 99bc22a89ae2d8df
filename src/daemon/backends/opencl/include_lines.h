// Rewrites the lines of OpenCL C that take in other text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "wire/kernel_traits.h"

namespace sluice::backend::opencl {

// The text with `#include <name>` turned into `#include "name"` wherever `name` is one of the headers'.
std::string quote_includes(std::string_view text, const std::vector<wire::BuildHeader>& headers);

}  // namespace sluice::backend::opencl
