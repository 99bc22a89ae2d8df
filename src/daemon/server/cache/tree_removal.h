// Removal of trees that their owners made to be hard to remove: very deep, very many, full of links, pipes, devices and
// strange names, still growing.
//
// A tree is first renamed into the folder `removed`, where nobody looks for it, and deleted there bit by bit: what is
// in its top folder goes, folders are moved up beside it, and it is removed itself. So each step works on one folder by
// its descriptor and on names in it; no path is built, nothing is recursed into, no link is followed, and what was
// begun by one process is ended by the next.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "base/clock.h"
#include "base/status.h"
#include "base/unique_fd.h"

namespace sluice::server {

// How much work may be done before others have their turn.
struct WorkBudget {
  std::uint64_t entries = 0;
  Nanoseconds until_ns = 0;                 // CLOCK_MONOTONIC
  const std::atomic<bool>* stop = nullptr;  // set by another thread; may be null
  bool spend();                             // one entry; false: it is used up
  bool used_up() const;
  bool stopped() const { return stop != nullptr && stop->load(std::memory_order_relaxed); }
};

// A folder by its descriptor, never through a link. not_found, permission_denied or invalid_argument (it is no folder).
Result<UniqueFd> open_folder(int parent, const char* name);

// Calls `visit` with each name in the folder but "." and "..", until it returns false. May be called on one descriptor
// again and again.
Status for_each_name(int folder, const std::function<bool(const char* name)>& visit);

// Moves whatever `name` is from its folder to the folder `removed`, on the same file system. not_found: it is not
// there.
Status put_aside(int folder, const char* name, int removed);

// Deletes what lies in `removed`. True: nothing is left. False: the budget is used up, or something cannot be removed
// now, because somebody still adds to it.
bool delete_removed(int removed, WorkBudget& budget);

}  // namespace sluice::server
