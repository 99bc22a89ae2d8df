#include "daemon/worker/creation_record.h"

#include <iterator>

namespace sluice::worker {

// A program may make a chain of objects as long as the budget allows, each from the one before: no recursion.
CreationRecord::~CreationRecord() {
  bytes_ -= own_bytes_;
  std::vector<RecordRef> dropped = std::move(creation_.made_from);
  while (!dropped.empty()) {
    const RecordRef record = std::move(dropped.back());
    dropped.pop_back();
    if (record.use_count() != 1) continue;
    std::vector<RecordRef>& below = record->creation_.made_from;
    dropped.insert(dropped.end(), std::move_iterator(below.begin()), std::move_iterator(below.end()));
    below.clear();
  }
}

}  // namespace sluice::worker
