#include "daemon/worker/live_objects.h"

#include <algorithm>
#include <unordered_set>

namespace sluice::worker {
namespace {

Outcome outcome_of(const Entry& entry) {
  return std::visit(
      [](const auto& object) {
        if constexpr (requires { object.outcome; }) return object.outcome;
        else return Outcome::ok;  // a program: its build would fail again
      },
      entry);
}

// Adds what `objects` are made from, at any remove, and the program does not hold any more.
void add_released(std::vector<LiveObject>& objects) {
  std::unordered_set<const CreationRecord*> seen;
  for (const LiveObject& object : objects) seen.insert(object.record.get());
  for (std::size_t i = 0; i < objects.size(); ++i) {
    const RecordRef record = objects[i].record;
    for (const RecordRef& below : record->made_from())
      if (seen.insert(below.get()).second) objects.push_back({below, true, Outcome::ok});
  }
}

}  // namespace

std::vector<LiveObject> live_objects(const ObjectTable& objects) {
  std::vector<LiveObject> live;
  objects.for_each([&](ObjectId, const Entry& entry, const RecordRef& record) {
    if (record != nullptr) live.push_back({record, false, outcome_of(entry)});
  });
  add_released(live);
  std::sort(live.begin(), live.end(),
            [](const LiveObject& a, const LiveObject& b) { return a.record->order() < b.record->order(); });
  return live;
}

}  // namespace sluice::worker
