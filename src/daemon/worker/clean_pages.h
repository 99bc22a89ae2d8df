// Gives memory back that loading a driver has touched and serving does not need.
#pragma once

#include <cstddef>

namespace sluice::worker {

// Drops the clean pages of mapped files: code and constants, most of what a compiler library leaves resident. They come
// back from the page cache when they are used. Returns how many bytes of mappings were offered back.
std::size_t return_clean_pages();

}  // namespace sluice::worker
