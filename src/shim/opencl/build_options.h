// What the front end itself reads in a program's build options (OpenCL 3.0, section 5.8.6). The rest is the compiler's.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sluice::opencl {

// True if `options` holds this option as a word of its own.
bool has_option(std::string_view options, std::string_view option);

// Whether kernels built from source with these options may have a last work-group smaller than the others (section
// 5.8.6.8): they must be OpenCL C 2.0 or later and not say -cl-uniform-work-group-size.
bool allows_uneven_groups(std::string_view options);

// The options as a compiler in another folder must read them: folders of headers (-I) that are named from the program's
// own folder get their full name.
std::string with_absolute_folders(std::string_view options, std::string_view own_folder);

// The folders that -I names, in order.
std::vector<std::string> include_folders(std::string_view options);

}  // namespace sluice::opencl
