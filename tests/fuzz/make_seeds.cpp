// Writes the seeds of the fuzz targets: make_seeds tests/fuzz/corpus
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "daemon/sessions/worker_link.h"
#include "daemon/worker/checkpoint/checkpoint.h"
#include "tests/wire/samples.h"
#include "wire/commands.h"
#include "wire/handshake.h"

namespace {

using namespace sluice;  // NOLINT: this file is about nearly all of it
using Bytes = std::vector<std::byte>;

std::filesystem::path corpus;

void seed(const std::string& target, const std::string& name, const Bytes& bytes) {
  std::filesystem::create_directories(corpus / target);
  std::ofstream file(corpus / target / name, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

// With the byte in front that selects the decoder.
Bytes selecting(unsigned char which, const Bytes& bytes) {
  Bytes whole{static_cast<std::byte>(which)};
  whole.insert(whole.end(), bytes.begin(), bytes.end());
  return whole;
}

template <typename Plain>
Bytes raw(const Plain& value) {
  Bytes bytes(sizeof value);
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

template <typename Blob>
Bytes encoded(const Blob& blob) {
  wire::Encoder encoder;
  encode(encoder, blob);
  return encoder.take();
}

void handshake_seeds() {
  wire::AttachRequest request;
  seed("handshake", "request-default", selecting(0, raw(request)));
  wire::set_text(request.tenant, "alice");
  wire::set_text(request.program, "clpeak");
  request.gpu_milli = 250;
  request.memory_bytes = 1 << 30;
  seed("handshake", "request-named", selecting(0, raw(request)));
  wire::set_text(request.token, "slt1-0123456789abcdef-" + std::string(64, '0'));
  seed("handshake", "request-token", selecting(0, raw(request)));
  wire::AttachReply reply;
  wire::set_text(reply.reason, "no room");
  seed("handshake", "reply-refused", selecting(1, raw(reply)));
  reply.granted = 1;
  seed("handshake", "reply-granted", selecting(1, encode_attach_reply(reply, wire::sample_device_traits())));
  wire::EndNotice notice;
  wire::set_text(notice.reason, "a build took too long");
  seed("handshake", "notice", selecting(2, raw(notice)));
}

void build_seeds() {
  seed("build_request", "request-empty", selecting(0, encoded(wire::BuildRequest{})));
  seed("build_request", "request-link", selecting(0, encoded(wire::sample_build_request())));
  seed("build_request", "reply-empty", selecting(1, encoded(wire::BuildReply{})));
  seed("build_request", "reply-executable", selecting(1, encoded(wire::sample_build_reply())));
}

// One step of fuzz_worker_link.
Bytes step(unsigned operation, const Bytes& bytes = {}) {
  Bytes all = raw(static_cast<std::uint8_t>(operation));
  const Bytes length = raw(static_cast<std::uint16_t>(bytes.size()));
  all.insert(all.end(), length.begin(), length.end());
  all.insert(all.end(), bytes.begin(), bytes.end());
  return all;
}

Bytes joined(std::initializer_list<Bytes> parts) {
  Bytes all;
  for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

void worker_link_seeds() {
  constexpr unsigned with_fds = 2 << 4, to_log = 10, take = 11, move = 15;
  const auto kind = [](WorkerMessageKind of) { return static_cast<unsigned>(of); };
  WorkerMessage message;
  message.kind = WorkerMessageKind::ready;
  message.devices = {wire::sample_device_traits()};
  seed("worker_link", "decode-ready", selecting(0, encode_worker_message(message)));
  const Bytes ready = step(0, encode_worker_message(message));
  message.kind = WorkerMessageKind::attach;
  wire::set_text(message.record.tenant, "alice");
  message.record.bindings = {{0, 1}};
  seed("worker_link", "decode-attach", selecting(0, encode_worker_message(message)));
  const Bytes text = raw(std::array{'w', 'h', 'y', '\n'});
  const Bytes attached = step(kind(WorkerMessageKind::attached)), ended = step(kind(WorkerMessageKind::ended), text);
  const Bytes released = step(kind(WorkerMessageKind::released));
  seed("worker_link", "whole-life", selecting(1, joined({ready, step(take), attached, ended, released})));
  seed("worker_link", "broken-driver", selecting(1, step(kind(WorkerMessageKind::ready), text)));
  seed("worker_link", "serving", selecting(2, joined({step(to_log, text), ended, released})));
  seed("worker_link", "descriptors", selecting(2, step(kind(WorkerMessageKind::ended) | with_fds, text)));
  seed("worker_link", "twice", selecting(2, joined({ended, ended})));
  const Bytes prepared = step(kind(WorkerMessageKind::prepared)), kept = step(kind(WorkerMessageKind::kept), text);
  seed("worker_link", "move-target", selecting(1, joined({ready, step(take), step(move), prepared, ended})));
  seed("worker_link", "move-uncommitted",
       selecting(1, joined({ready, step(take), step(move), prepared, step(kind(WorkerMessageKind::moved))})));
  seed("worker_link", "move-source", selecting(2, joined({step(move), kept, step(move), kept, kept})));
}

void adoption_seeds() {
  SessionNote note;
  note.record.session_id = 7;
  wire::set_text(note.record.tenant, "alice");
  note.record.bindings = {{0, 1}};
  note.memory.bindings.resize(1);
  note.devices.resize(1);
  WorkerMessage claim;
  claim.kind = WorkerMessageKind::adopt;
  claim.record = note.record;
  const Bytes noted = step(0xf0, encode_session_note(note));
  seed("adoption", "honest", joined({noted, encode_worker_message(claim)}));
  claim.record.session_id = 8;
  seed("adoption", "other-session", joined({noted, encode_worker_message(claim)}));
  seed("adoption", "wrong-descriptor", step(0x01, encode_session_note(note)));
  note.move = {1, MoveRole::target, 2};
  claim.record = note.record;
  seed("adoption", "moving", joined({step(0xf0, encode_session_note(note)), encode_worker_message(claim)}));
}

// ---- sessions, for fuzz_commands ----

// Where the seeds keep things in the arena.
constexpr std::uint64_t timeline_at = 0, reply_at = 64, event_at = 128, request_at = 512, data_at = 4096;

template <typename Command>
Bytes posted(Command command, const Bytes& trail = {}) {
  auto* header = reinterpret_cast<wire::CommandHeader*>(&command);
  header->op = Command::op;
  header->bytes = static_cast<std::uint32_t>(sizeof command + trail.size());
  Bytes bytes = raw(command);
  bytes.insert(bytes.end(), trail.begin(), trail.end());
  return bytes;
}

template <typename Command>
Bytes called(Command command) {
  command.call.reply_at = reply_at;
  command.call.data_at = data_at;
  command.call.data_bytes = 2048;
  return posted(command);
}

// Commands in one queue, of which every second has an event and waits for the one before.
class Session {
 public:
  explicit Session(bool works_on_host_memory) : in_arena_(works_on_host_memory) {
    wire::QueueCreate queue;
    queue.id = 1, queue.timeline_at = timeline_at, queue.out_of_order = works_on_host_memory ? 0 : 1;
    add(posted(queue));
  }

  template <typename Command>
  void enqueue(Command command, Bytes trail = {}) {
    command.enqueue.queue = 1;
    command.enqueue.sequence = ++sequence_;
    if (sequence_ % 2 == 0) {
      if (last_event_ != 0) {
        command.enqueue.wait_count = 1;
        const Bytes id = raw(last_event_);
        trail.insert(trail.begin(), id.begin(), id.end());
      }
      command.enqueue.event = last_event_ = 1000 + sequence_;
      command.enqueue.event_at = event_at;
    }
    add(posted(command, trail));
  }
  void buffer(wire::ObjectId id, std::uint64_t bytes) {
    wire::BufferCreate create;
    create.id = id, create.bytes = bytes;
    if (in_arena_) create.arena_at = std::exchange(next_at_, next_at_ + 4096);
    add(called(create));
  }
  void image(wire::ObjectId id, wire::ImageKind kind) {
    wire::ImageCreate create;
    create.id = id, create.kind = static_cast<std::uint32_t>(kind);
    create.width = 16, create.height = 8, create.bytes = 16 * 8 * 4;
    create.channel_order = 0x10B5, create.channel_type = 0x10DA, create.access = 3;
    if (in_arena_) create.arena_at = std::exchange(next_at_, next_at_ + 4096);
    add(called(create));
  }
  void add(const Bytes& command) { ring_.insert(ring_.end(), command.begin(), command.end()); }
  void release(wire::ObjectId id) {
    wire::ObjectRelease command;
    command.id = id;
    add(posted(command));
  }

  // The whole input.
  Bytes take(const Bytes& request) const {
    const std::size_t front = request_at + request.size();
    Bytes input{static_cast<std::byte>(in_arena_ ? 1 : 0), static_cast<std::byte>(front),
                static_cast<std::byte>(front >> 8)};
    input.resize(input.size() + request_at);
    input.insert(input.end(), request.begin(), request.end());
    input.insert(input.end(), ring_.begin(), ring_.end());
    return input;
  }

 private:
  bool in_arena_;
  Bytes ring_;
  std::uint64_t sequence_ = 0, last_event_ = 0, next_at_ = 2 * data_at;
};

void transfer_seed(bool in_arena) {
  Session session(in_arena);
  session.buffer(2, 1024);
  session.buffer(3, 2048);
  wire::SubBufferCreate part;
  part.id = 4, part.parent = 3, part.origin = 128, part.bytes = 256, part.access = 1;
  session.add(posted(part));
  wire::BufferWrite write;
  write.buffer = 2, write.dst_offset = 8, write.bytes = 64, write.arena_at = data_at;
  session.enqueue(write);
  write.arena_at = wire::no_offset;
  session.enqueue(write, Bytes(64));
  wire::BufferRead read;
  read.buffer = 4, read.src_offset = 16, read.bytes = 240, read.arena_at = data_at;
  session.enqueue(read);
  wire::BufferCopy copy;
  copy.src = 2, copy.dst = 3, copy.src_offset = 0, copy.dst_offset = 1024, copy.bytes = 512;
  session.enqueue(copy);
  wire::BufferFill fill;
  fill.buffer = 2, fill.offset = 16, fill.bytes = 32, fill.pattern_bytes = 8;
  session.enqueue(fill, Bytes(8));
  wire::BufferReadRect rows;
  rows.buffer = 3, rows.region = {16, 4, 2}, rows.row_pitch = 64, rows.slice_pitch = 512, rows.arena_at = data_at;
  session.enqueue(rows);
  session.enqueue(wire::Marker{});
  session.enqueue(wire::Barrier{});
  for (const wire::ObjectId id : {4, 2, 3, 1}) session.release(id);
  seed("commands", in_arena ? "transfers-arena" : "transfers-staged", session.take({}));
}

void image_seed(bool in_arena) {
  Session session(in_arena);
  session.image(2, wire::ImageKind::d2);
  session.image(3, wire::ImageKind::d2);
  session.buffer(4, 1024);
  wire::ImageWrite write;
  write.image = 2, write.region = {16, 8, 1}, write.arena_at = data_at;
  session.enqueue(write);
  wire::ImageRead read;
  read.image = 2, read.origin = {1, 1, 0}, read.region = {15, 7, 1}, read.arena_at = data_at;
  session.enqueue(read);
  wire::ImageCopy copy;
  copy.src = 2, copy.dst = 3, copy.region = {8, 8, 1};
  session.enqueue(copy);
  wire::ImageFill fill;
  fill.image = 3, fill.region = {4, 4, 1};
  session.enqueue(fill);
  wire::ImageToBuffer out;
  out.image = 3, out.buffer = 4, out.region = {16, 8, 1}, out.buffer_offset = 512;
  session.enqueue(out);
  wire::BufferToImage in;
  in.image = 2, in.buffer = 4, in.region = {4, 2, 1};
  session.enqueue(in);
  wire::SamplerCreate sampler;
  sampler.id = 5;
  session.add(posted(sampler));
  seed("commands", in_arena ? "images-arena" : "images-staged", session.take({}));
}

void launch_seed() {
  wire::BuildRequest request;
  request.source = "kernel void k(global int* a, int b, local int* c) {}\n";  // any text will do for a fake device
  const Bytes blob = encoded(request);
  Session session(true);
  wire::ProgramBuild build;
  build.id = 2, build.request_at = request_at, build.request_bytes = blob.size();
  session.add(called(build));
  wire::ProgramBinary binary;
  binary.id = 2;
  session.add(called(binary));
  wire::KernelCreate kernel;
  kernel.id = 3, kernel.program = 2;
  session.add(posted(kernel));
  wire::KernelArgumentCheck check;
  check.kernel = 3, check.index = 1, check.bytes = 4;
  session.add(called(check));
  session.buffer(4, 4096);
  Bytes arguments;
  const auto append = [&](const Bytes& bytes) { arguments.insert(arguments.end(), bytes.begin(), bytes.end()); };
  append(raw(wire::KernelArgument{wire::ArgumentValue::object, 8}));
  append(raw(wire::ObjectId{4}));
  append(raw(wire::KernelArgument{wire::ArgumentValue::bytes, 4}));
  append(raw(std::uint64_t{7}));
  append(raw(wire::KernelArgument{wire::ArgumentValue::local, 64}));
  wire::KernelLaunch launch;
  launch.kernel = 3, launch.argument_count = 3, launch.global_size[0] = 64, launch.local_size[0] = 16;
  session.enqueue(launch, arguments);
  session.enqueue(launch, arguments);
  wire::UserEventCreate user;
  user.id = 9;
  session.add(posted(user));
  wire::UserEventSet set;
  set.id = 9;
  session.add(posted(set));
  for (const wire::ObjectId id : {3, 2, 9}) session.release(id);
  seed("commands", "launches", session.take(blob));
}

// ---- checkpoints ----

Bytes sections_of(const worker::Checkpoint& checkpoint) {
  const Bytes whole = worker::encode_checkpoint(checkpoint);
  return {whole.begin() + worker::checkpoint_header_bytes, whole.end()};
}

template <typename Create>
worker::CheckpointObject object(Create create) {
  worker::CheckpointObject object;
  object.command = posted(create);
  return object;
}

template <typename Create>
worker::CheckpointObject called_object(Create create) {
  create.call.reply_at = 0;
  return object(create);
}

worker::CheckpointHeld held_marker(std::uint64_t sequence, wire::ObjectId waits_for) {
  wire::Marker marker;
  marker.enqueue.queue = 1;
  marker.enqueue.sequence = sequence;
  marker.enqueue.event = 1000 + sequence;
  marker.enqueue.event_at = event_at;
  marker.enqueue.wait_count = 1;
  return {posted(marker, raw(waits_for)), 0, 0, wire::Outcome::ok};
}

void checkpoint_seed(bool in_arena) {
  worker::Checkpoint checkpoint;
  wire::QueueCreate queue;
  queue.id = 1, queue.timeline_at = timeline_at, queue.out_of_order = in_arena ? 0 : 1;
  wire::BufferCreate buffer;
  buffer.id = 2, buffer.bytes = 1024, buffer.arena_at = in_arena ? 2 * data_at : wire::no_offset;
  wire::SubBufferCreate part;
  part.id = 3, part.parent = 2, part.origin = 128, part.bytes = 256, part.access = 1;
  wire::ProgramBuild build;
  build.id = 4;
  wire::KernelCreate kernel;
  kernel.id = 5, kernel.program = 4;
  wire::UserEventCreate unset, set;
  unset.id = 6, set.id = 7;
  checkpoint.objects = {object(queue),  called_object(buffer), object(part), called_object(build),
                        object(kernel), object(unset),         object(set)};
  checkpoint.objects[1].released = checkpoint.objects[3].released = true;
  checkpoint.objects[3].request = encoded(wire::BuildRequest{});
  checkpoint.objects[5].user_event = worker::UserEventState::unset;
  checkpoint.objects[6].user_event = worker::UserEventState::complete;
  checkpoint.queues = {{1, 9, 7, in_arena ? 7u : 8u}};
  checkpoint.events = {{900, wire::Outcome::ok}, {901, wire::Outcome::wait_list_failed}};
  checkpoint.held = {held_marker(8, 6), held_marker(9, 7)};
  if (!in_arena) checkpoint.held.pop_back();
  checkpoint.durations = {1, 2, 3};
  seed("checkpoint", in_arena ? "arena" : "staged", selecting(in_arena ? 1 : 0, sections_of(checkpoint)));
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) {
    std::fprintf(stderr, "usage: make_seeds FOLDER\n");
    return 2;
  }
  corpus = arguments[1];
  handshake_seeds();
  build_seeds();
  worker_link_seeds();
  adoption_seeds();
  for (const bool in_arena : {false, true}) {
    transfer_seed(in_arena);
    image_seed(in_arena);
  }
  launch_seed();
  for (const bool in_arena : {false, true}) checkpoint_seed(in_arena);
  return 0;
}
