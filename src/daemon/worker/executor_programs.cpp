#include "daemon/worker/executor_programs.h"

#include <algorithm>
#include <utility>

#include "daemon/worker/fault.h"

namespace sluice::worker {
namespace {

struct ChargedRequest {
  wire::BuildRequest request;
  HostCharge charge;
};

// The program may change its request at any moment: of a copy. It is charged until nobody needs it. Null: malformed.
std::shared_ptr<const wire::BuildRequest> decode_request(std::span<const std::byte> blob, HostCharge charge) {
  const std::vector<std::byte> copy(blob.begin(), blob.end());
  wire::Decoder decoder(copy);
  auto charged =
      std::make_shared<const ChargedRequest>(ChargedRequest{wire::decode_build_request(decoder), std::move(charge)});
  if (!decoder.ok() || charged->request.verb > wire::BuildVerb::link) return nullptr;
  return {charged, &charged->request};
}

}  // namespace

// ---- programs ----

// The request is decoded only here, after its memory is charged.
Status ProgramExecutor::execute(const wire::ProgramBuild& build) {
  const ReplyPlace place = to_.reply_place(build.call);
  if (const ProgramEntry* known = to_.objects.find<ProgramEntry>(build.id)) {
    // The same call again, because the answer did not fit.
    return Builder::deliver_again(*known->slot, place) ? Status() : fault(used_twice);
  }
  return begin(build, to_.memory_at(build.request_at, build.request_bytes), place);
}

Status ProgramExecutor::rebuild(const wire::ProgramBuild& build, std::span<const std::byte> request) {
  return begin(build, request, {});
}

Status ProgramExecutor::begin(const wire::ProgramBuild& build, std::span<const std::byte> blob,
                              const ReplyPlace& place) {
  auto charge = to_.builder.charge(blob.size());
  if (!charge || !to_.objects.has_room<ProgramEntry>()) {
    place.answer(Outcome::out_of_host_memory);
    return Status();
  }
  const auto request = decode_request(blob, std::move(*charge));
  if (request == nullptr) return fault("a malformed build request");
  auto inputs = inputs_of(*request);
  if (!inputs) {
    place.answer(Outcome::invalid_object);
    return Status();
  }
  const ProgramEntry* entry = to_.objects.insert(build.id, ProgramEntry{}, {build, records_of(*request), request});
  if (entry == nullptr) return fault(used_twice);
  to_.builder.build(entry->slot, request, std::move(*inputs), place);
  return Status();
}

// Nothing: one of them was not built.
std::optional<std::vector<std::shared_ptr<ProgramSlot>>> ProgramExecutor::inputs_of(const wire::BuildRequest& request) {
  std::vector<std::shared_ptr<ProgramSlot>> inputs;
  for (const ObjectId id : request.inputs) {
    const ProgramEntry* input = to_.objects.find<ProgramEntry>(id);
    if (input == nullptr || input->program() == nullptr) return std::nullopt;
    inputs.push_back(input->slot);
  }
  return inputs;
}

std::vector<RecordRef> ProgramExecutor::records_of(const wire::BuildRequest& request) const {
  std::vector<ObjectId> ids = request.inputs;
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  std::vector<RecordRef> records;
  for (const ObjectId id : ids) records.push_back(to_.objects.record(id));
  return records;
}

Status ProgramExecutor::execute(const wire::ProgramBinary& binary) {
  const ReplyPlace place = to_.reply_place(binary.call);
  const ProgramEntry* entry = to_.objects.find<ProgramEntry>(binary.id);
  if (entry == nullptr || entry->program() == nullptr) place.answer(Outcome::invalid_object);
  else to_.builder.fetch_binary(entry->slot, place);
  return Status();
}

// ---- kernels ----

Status ProgramExecutor::execute(const wire::KernelCreate& create) {
  KernelEntry entry;
  const ProgramEntry* program = to_.objects.find<ProgramEntry>(create.program);
  if (program == nullptr || program->program() == nullptr) {
    entry.outcome = Outcome::invalid_object;
  } else {
    auto made = to_.device.create_kernel(*program->program(), create.index);
    entry.outcome = made.outcome;
    entry.kernel = std::move(made.object);
  }
  Creation creation{create};
  if (RecordRef record = to_.objects.record(create.program)) creation.made_from.push_back(std::move(record));
  const bool kept = to_.objects.insert(create.id, std::move(entry), std::move(creation)) != nullptr;
  return kept ? Status() : fault(used_twice);
}

Status ProgramExecutor::execute(const wire::KernelArgumentCheck& check) {
  const ReplyPlace place = to_.reply_place(check.call);
  const KernelEntry* entry = to_.objects.find<KernelEntry>(check.kernel);
  Outcome outcome = entry == nullptr ? Outcome::invalid_object : entry->outcome;
  if (outcome == Outcome::ok) outcome = to_.device.check_argument(*entry->kernel, check.index, check.bytes);
  place.answer(outcome);
  return Status();
}

}  // namespace sluice::worker
