// The header files that a program's source includes, read with the program's own rights.
//
// The compiler runs in the worker, which sees none of the program's files. So the front end looks for `#include` lines
// itself and sends what they name along. It goes by the text alone: lines in comments or in branches that are not taken
// count as well, which sends too much and does no harm; names that a macro makes up are not found.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "wire/kernel_traits.h"

namespace sluice::opencl {

inline constexpr std::size_t header_files_max = 1024;
inline constexpr std::size_t header_bytes_max = std::size_t{16} << 20;  // of all together

// Follows includes through the headers themselves. Each is named by its path from the folder it was found in, so that
// headers which include their neighbours find them. What is not in the folders, or would be found only by leaving them
// ("../x.h"), is left out, and so is everything beyond the limits. A file that is named from the root ("/x/y.h") needs
// no folder: it gets a name under a folder that stands for the root, and the headers' own texts use that name.
std::vector<wire::BuildHeader> find_headers(std::string_view source, const std::vector<std::string>& folders);

// The text with its includes of files named from the root as find_headers names them.
std::string with_names_of(const std::vector<wire::BuildHeader>& headers, std::string_view text);

}  // namespace sluice::opencl
