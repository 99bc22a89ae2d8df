// SessionIds: numbers for sessions, never given twice by one pool, also over restarts and crashes of the daemon.
//
// They are set aside in blocks: the file holds the first number that no daemon has given out yet.
#pragma once

#include <cstdint>
#include <string>

namespace sluice::server {

class SessionIds {
 public:
  // Goes on where the file says; at 1 if there is none.
  explicit SessionIds(std::string path);
  std::uint64_t next();
  // An adopted session has this number: never give it out. It matters only if the file was lost.
  void skip(std::uint64_t used);

 private:
  std::string path_;
  std::uint64_t next_ = 1;
  std::uint64_t set_aside_ = 1;  // numbers below are ours to give
};

}  // namespace sluice::server
