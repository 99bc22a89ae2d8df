// A whole command path over a device that does nothing, and a shim's hand to write commands with.
#pragma once

#include <catch2/catch.hpp>
#include <cstring>
#include <optional>
#include <thread>
#include <vector>

#include "daemon/worker/command_path.h"
#include "fake_device.h"
#include "open_gate.h"
#include "wire/transport/shared_memory.h"

namespace sluice::worker {

using test::FakeDevice;

inline constexpr std::uint64_t limit_bytes = 1 << 20;
inline constexpr std::uint64_t arena_bytes = 4 << 20;

class Rig {
 public:
  Rig() {
    memory_terms_.memory_granted_bytes = limit_bytes;
    device.set_sink(completions);
  }

  static constexpr std::uint64_t slots_at = 3 << 20;

  std::byte* at(std::uint64_t offset) { return arena_.data() + offset; }
  template <typename Slot>
  Slot& slot(std::uint64_t offset) {
    return *reinterpret_cast<Slot*>(at(offset));
  }
  std::uint64_t next_slot() { return slots_at + 64 * slots_++; }

  template <typename Command>
  Status send(Command command, std::span<const std::byte> trailing = {}) {
    auto& header = reinterpret_cast<wire::CommandHeader&>(command);
    header.op = Command::op;
    header.bytes = static_cast<std::uint32_t>(sizeof command + trailing.size());
    std::vector<std::byte> bytes(header.bytes);
    std::memcpy(bytes.data(), &command, sizeof command);
    if (!trailing.empty()) std::memcpy(bytes.data() + sizeof command, trailing.data(), trailing.size());
    return path.handle(bytes);
  }
  // A call; the outcome that its slot got, or nothing if it faulted.
  template <typename Command>
  std::optional<Outcome> call(Command command) {
    command.call.reply_at = next_slot();
    if (!send(command).ok()) return std::nullopt;
    const auto& reply = slot<wire::ReplySlot>(command.call.reply_at);
    while (reply.state.load() == 0) std::this_thread::yield();
    return static_cast<Outcome>(reply.outcome);
  }

  ObjectId buffer(std::uint64_t bytes = 4096) {
    wire::BufferCreate command;
    command.id = next_id++;
    command.bytes = bytes;
    command.arena_at = 0;
    REQUIRE(call(command) == Outcome::ok);
    return command.id;
  }
  ObjectId queue(bool out_of_order = false) {
    wire::QueueCreate command;
    command.id = next_id++;
    command.timeline_at = timeline_at = next_slot();
    command.out_of_order = out_of_order ? 1 : 0;
    REQUIRE(send(command).ok());
    return command.id;
  }
  ObjectId program() {
    wire::Encoder encoder;
    encode(encoder, wire::BuildRequest{});
    std::memcpy(at(1 << 20), encoder.bytes().data(), encoder.bytes().size());
    wire::ProgramBuild command;
    command.id = next_id++;
    command.request_at = 1 << 20;
    command.request_bytes = encoder.bytes().size();
    command.call.data_at = 2 << 20;
    command.call.data_bytes = 4096;
    REQUIRE(call(command) == Outcome::ok);
    return command.id;
  }
  ObjectId kernel() {
    wire::KernelCreate command;
    command.program = program();
    command.id = next_id++;
    REQUIRE(send(command).ok());
    return command.id;
  }
  template <typename Command>
  Command to(ObjectId queue, std::uint64_t sequence) {
    Command command;
    command.enqueue.queue = queue;
    command.enqueue.sequence = sequence;
    return command;
  }
  wire::TimelineSlot& timeline() { return slot<wire::TimelineSlot>(timeline_at); }

 private:
  TermsPage memory_terms_{};
  ReportPage report_{};
  wire::SharedMemory control_ = wire::SharedMemory::create("c", wire::control_bytes).take();
  wire::SharedMemory arena_ = wire::SharedMemory::create("a", arena_bytes).take();
  std::uint64_t slots_ = 0;

 public:
  ObjectId next_id = 1;
  std::uint64_t timeline_at = 0;
  metering::MeterPage& meter = report_.meter;
  UniqueFd kick{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  MemoryHolder memory{memory_terms_, report_, kick.get(), 0};
  MemoryAccount account{memory, meter};
  test::OpenGate open{meter};
  Completions completions{*reinterpret_cast<wire::ControlPage*>(control_.data()), {}, meter, open.gate};
  FakeDevice device;
  Builder builder{device};
  CommandPath path{device, wire::ArenaView(arena_.bytes()), account, completions, builder, open.gate};
};

inline bool is_fault(const Status& status) { return status.code() == Code::protocol_fault; }

}  // namespace sluice::worker
