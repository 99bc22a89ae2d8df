// CreationRecord: how an object of the session was made, so that it can be made again elsewhere.
//
// The record is the decoded creation command, and what that command took from the arena. It lives for as long as
// anything depends on it: a kernel keeps its program's record, a sub-buffer its buffer's, though the program has
// released them. Its bytes count in the object table's budget until then. All on the command thread.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "daemon/worker/command.h"
#include "wire/kernel_traits.h"

namespace sluice::worker {

class CreationRecord;
using RecordRef = std::shared_ptr<const CreationRecord>;

// What a record is made of.
struct Creation {
  CommandBody command;
  std::vector<RecordRef> made_from = {};                        // what the command names
  std::shared_ptr<const wire::BuildRequest> request = nullptr;  // of a program; charged to the session
};

class CreationRecord {
 public:
  // What one needs of this process, without a program's request.
  static constexpr std::uint64_t host_bytes = 384;
  static std::uint64_t bytes_of(const Creation& creation) {
    return host_bytes + creation.made_from.size() * sizeof(RecordRef);
  }

  // `order`: rises with each creation of a session. `bytes`: counts all records of the session, and outlives them.
  CreationRecord(ObjectId id, std::uint64_t order, Creation creation, std::uint64_t& bytes)
      : id_(id), order_(order), creation_(std::move(creation)), own_bytes_(bytes_of(creation_)), bytes_(bytes) {
    bytes_ += own_bytes_;
  }
  ~CreationRecord();
  CreationRecord(const CreationRecord&) = delete;
  CreationRecord& operator=(const CreationRecord&) = delete;

  ObjectId id() const { return id_; }
  std::uint64_t order() const { return order_; }
  // A call's places for the answer, and a build's place of its request, mean nothing any more.
  const CommandBody& command() const { return creation_.command; }
  // What it is made from. Each was made before it.
  const std::vector<RecordRef>& made_from() const { return creation_.made_from; }
  // Null: it is no program.
  const wire::BuildRequest* request() const { return creation_.request.get(); }

 private:
  ObjectId id_;
  std::uint64_t order_;
  mutable Creation creation_;  // changed where the record goes
  std::uint64_t own_bytes_;
  std::uint64_t& bytes_;
};

}  // namespace sluice::worker
