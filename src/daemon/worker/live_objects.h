// The live objects of a session, in the order in which they were made, with all that making them again takes.
#pragma once

#include <vector>

#include "daemon/worker/object_table.h"

namespace sluice::worker {

struct LiveObject {
  RecordRef record;
  // The program has released it, and others are made from it: to be made again, and then released.
  bool released = false;
  // Not ok: it could not be made, and whatever uses it fails with this.
  Outcome outcome = Outcome::ok;
};

// Every object but the events of commands: what an object is made from stands before it. O(n log n). On the command
// thread; programs that are still being built are among them.
std::vector<LiveObject> live_objects(const ObjectTable& objects);

}  // namespace sluice::worker
