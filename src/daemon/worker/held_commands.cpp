#include "daemon/worker/held_commands.h"

#include <algorithm>
#include <cstring>

namespace sluice::worker {

bool HeldCommands::names(const HeldCommand& held, ObjectId id) {
  for (std::size_t at = 0; at + sizeof id <= held.bytes.size(); at += sizeof id) {
    ObjectId word = 0;
    std::memcpy(&word, held.bytes.data() + at, sizeof word);
    if (word == id) return true;
  }
  return false;
}

bool HeldCommands::blocked_names(ObjectId id) const {
  return std::any_of(blocked_.begin(), blocked_.end(), [id](const HeldCommand& held) { return names(held, id); });
}

}  // namespace sluice::worker
