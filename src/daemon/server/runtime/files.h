// Small files and private folders, as the daemon needs them.
#pragma once

#include <sys/types.h>

#include <span>
#include <string>

#include "base/status.h"

namespace sluice::server {

// Makes the folder and its missing parents, the last one with `mode`. permission_denied: it is there but is a link, is
// no folder, belongs to somebody else, or others may write to it.
Status make_own_folder(const std::string& path, mode_t mode);

// Whole contents, at most `bytes_max`. not_found: no such file. Refuses files of other owners, and links.
Result<std::string> read_own_file(const std::string& path, std::size_t bytes_max);

// The beginning of a file of /proc, as much as a page. Empty: there is none, or what it was about is gone.
std::string read_kernel_file(const std::string& path);

// Replaces the file by one of mode 0600, atomically.
Status write_own_file(const std::string& path, std::span<const char> contents);

// Removes a file or a whole folder; follows no links. Missing is fine.
void remove_tree(const std::string& path);

}  // namespace sluice::server
