#include "rig.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>

#include "daemon/server/runtime/process.h"
#include "tests/daemon/drivers.h"

namespace sluice::test {
namespace {

namespace fs = std::filesystem;

constexpr Nanoseconds patience_ns = 30 * ns_per_s;

Nanoseconds soon() { return now_ns() + patience_ns; }

}  // namespace

ScratchFolder::ScratchFolder() : path_((fs::temp_directory_path() / "sluice-test-XXXXXX").string()) {
  REQUIRE(mkdtemp(path_.data()) != nullptr);
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

Worker::Setting Worker::on_rusticl() {
  Setting setting;
  setting.environment = {{"OCL_ICD_VENDORS", rusticl_icd}, {rusticl_variable, rusticl_devices}};
  return setting;
}

Worker::Worker(Setting setting) : setting_(std::move(setting)) {
  auto pair = wire::MessageSocket::pair();
  REQUIRE(pair.ok());
  auto adoption_socket = wire::bind_at(adoption_socket_path(), 0600);
  REQUIRE(adoption_socket.ok());
  server::ProcessStart start;
  start.program = SLUICE_JAILER;
  start.arguments = {"--read", SLUICE_WORKER};
  // As the daemon does for the driver that it has found.
  const std::string preloaded = SLUICE_POCL_LIBRARY;
  if (!preloaded.empty() && !setting_.environment.contains("OCL_ICD_VENDORS"))
    start.arguments.insert(start.arguments.end(), {"--preload", preloaded});
  start.arguments.insert(start.arguments.end(),
                         {"--", SLUICE_WORKER, "--device", "0", "--number", "7", "--log", "warn"});
  start.arguments.insert(start.arguments.end(), setting_.arguments.begin(), setting_.arguments.end());
  start.uid = geteuid(), start.gid = getegid();
  start.descriptors = {pair.value().second.fd(), adoption_socket.value().get()};
  std::map<std::string, std::string> variables{
      {"PATH", "/usr/bin:/bin"}, {"POCL_CACHE_DIR", "/tmp/cache"}, {"HOME", "/tmp"}, {"OCL_ICD_VENDORS", pocl_icd}};
  for (const auto& [name, value] : setting_.environment) variables[name] = value;
  for (const auto& [name, value] : variables) start.environment.push_back(name + "=" + value);
  auto process = server::start_process(start);
  INFO(process.status().message());
  REQUIRE(process.ok());
  pid_ = process.value().pid;
  pair.value().second.close();
  link_ = std::move(pair.value().first);
  const auto ready = hear();
  REQUIRE(ready);
  REQUIRE((ready->kind == WorkerMessageKind::ready || ready->kind == WorkerMessageKind::probed));
  REQUIRE(ready->text == "");
  REQUIRE(!ready->devices.empty());
  traits_ = ready->devices.front();
}

Worker::~Worker() {
  if (pid_ <= 0 || reaped_) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

std::optional<WorkerMessage> Worker::hear() {
  auto received = link_.receive(soon());
  if (!received.ok()) return std::nullopt;
  auto message = decode_worker_message(received.value().bytes);
  REQUIRE(message.ok());
  return message.take();
}

void Worker::tell(WorkerMessageKind kind) {
  WorkerMessage message;
  message.kind = kind;
  REQUIRE(link_.send(encode_worker_message(message), {}, soon()).ok());
}

// This worker's own.
void Worker::make_pages() {
  report_ = wire::SharedMemory::create("test-report", report_page_bytes).take();
  terms_ = wire::SharedMemory::create("test-terms", terms_page_bytes, wire::PeersMay::read).take();
  terms().memory_granted_bytes = setting_.memory_bytes;
  lease_.emplace(terms(), report());
  kick_.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  lease().grant(setting_.lease);
}

SessionRecord Worker::record() const {
  SessionRecord record;
  record.control_bytes = wire::control_bytes;
  record.arena_bytes = wire::arena_bytes_for(setting_.memory_bytes);
  record.limits.memory_bytes = setting_.memory_bytes;
  record.session_id = 99;
  record.bindings = {{0, 1}};
  return record;
}

MoveWord Worker::begin_move(Worker& source) {
  make_pages();
  if (setting_.grants_at_once) granting_ = std::jthread([this](const std::stop_token& stop) { grant_at_once(stop); });
  auto word = MoveWord::make();
  REQUIRE(word.ok());
  int ends[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  const UniqueFd here(ends[0]), there(ends[1]);
  const UniqueFd nowhere(open("/dev/null", O_WRONLY | O_CLOEXEC));
  WorkerMessage receive;
  receive.kind = WorkerMessageKind::receive;
  receive.record = source.record();
  std::vector<int> fds{word.value().fd(), source.control_.fd(), source.arena_.fd(), report_.fd(),
                       terms_.fd(),       kick_.get(),          here.get(),         nowhere.get()};
  REQUIRE(link_.send(encode_worker_message(receive), fds, soon()).ok());
  WorkerMessage give;
  give.kind = WorkerMessageKind::give;
  std::array<int, give_fds> given{};
  given[give_fd_word] = word.value().fd();
  given[give_fd_checkpoint] = there.get();
  REQUIRE(source.link_.send(encode_worker_message(give), given, soon()).ok());
  return word.take();
}

void Worker::take_program_from(Worker& source) {
  control_ = std::move(source.control_);
  arena_ = std::move(source.arena_);
  session_ = std::move(source.session_);
  output_ = std::move(source.output_);
  ring_ = std::move(source.ring_);
  allocator_ = std::move(source.allocator_);
  next_id_ = source.next_id_;
}

MoveReport Worker::move_from(Worker& source) {
  MoveWord word = begin_move(source);
  const auto prepared = hear();
  REQUIRE(prepared);
  INFO(prepared->text);
  REQUIRE(prepared->kind == WorkerMessageKind::prepared);
  REQUIRE(word.commit());
  const auto moved = hear();
  REQUIRE(moved);
  REQUIRE(moved->kind == WorkerMessageKind::moved);
  REQUIRE(source.wait_for_exit() == 0);
  take_program_from(source);
  return moved->move;
}

void Worker::attach() {
  const std::uint64_t arena_bytes = wire::arena_bytes_for(setting_.memory_bytes);
  control_ = wire::SharedMemory::create("test-control", wire::control_bytes).take();
  arena_ = wire::SharedMemory::create("test-arena", arena_bytes).take();
  make_pages();
  auto pair = wire::MessageSocket::pair();
  REQUIRE(pair.ok());
  session_ = std::move(pair.value().first);
  int output[2];
  REQUIRE(pipe2(output, O_CLOEXEC) == 0);
  output_.reset(output[0]);
  const UniqueFd output_end(output[1]);
  std::vector<int> fds{control_.fd(),   arena_.fd(), report_.fd(), terms_.fd(), kick_.get(), pair.value().second.fd(),
                       output_end.get()};
  WorkerMessage message;
  message.kind = WorkerMessageKind::attach;
  message.record = record();
  const UniqueFd cache(setting_.cache_folder.empty() ? -1 : open(setting_.cache_folder.c_str(), O_PATH | O_CLOEXEC));
  if (cache.valid()) fds.push_back(cache.get());
  REQUIRE(link_.send(encode_worker_message(message), fds, soon()).ok());
  const auto attached = hear();
  REQUIRE(attached);
  INFO(attached->text);
  REQUIRE(attached->kind == WorkerMessageKind::attached);
  ring_ = std::make_unique<wire::RingWriter>(control_.bytes(), wire::Doorbell());
  allocator_.emplace(arena_bytes);
  if (setting_.grants_at_once) granting_ = std::jthread([this](const std::stop_token& stop) { grant_at_once(stop); });
}

// The worker has all of the limit from the start.
void Worker::answer_memory() {
  PageMemoryGrantor grantor(terms(), report());
  if (const auto wish = grantor.wish(); wish && wish->number != terms().memory_answered) grantor.answer(*wish);
}

void Worker::grant_at_once(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    if (!lease().held() && lease().wants()) lease().grant(setting_.lease);
    answer_memory();
    pollfd kick{kick_.get(), POLLIN, 0};
    (void)::poll(&kick, 1, 10);
    std::uint64_t kicks = 0;
    (void)!::read(kick_.get(), &kicks, sizeof kicks);
  }
}

void Worker::take_over(const wire::MessageSocket& link) {
  granting_ = {};
  auto next = wire::SharedMemory::create("test-terms", terms_page_bytes, wire::PeersMay::read).take();
  TermsPage& page = *reinterpret_cast<TermsPage*>(next.data());
  page.memory_granted_bytes = terms().memory_granted_bytes.load();
  page.epoch = terms().epoch + 1;
  lease_ = LeaseGrantor::take_over(page, report(), terms());
  terms_ = std::move(next);
  kick_.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  std::array<int, adopted_fds> fds{};
  fds[adopted_fd_log] = STDERR_FILENO, fds[adopted_fd_terms] = terms_.fd(), fds[adopted_fd_kick] = kick_.get();
  WorkerMessage adopted;
  adopted.kind = WorkerMessageKind::adopted;
  REQUIRE(link.send(encode_worker_message(adopted), fds, soon()).ok());
  if (setting_.grants_at_once) granting_ = std::jthread([this](const std::stop_token& stop) { grant_at_once(stop); });
}

int Worker::wait_for_exit() {
  const UniqueFd process(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));
  pollfd awaited{process.get(), POLLIN, 0};
  REQUIRE(poll(&awaited, 1, 30'000) == 1);
  int status = 0;
  REQUIRE(waitpid(pid_, &status, 0) == pid_);
  reaped_ = true;
  return status;
}

bool Worker::alive() const { return kill(pid_, 0) == 0; }

std::uint64_t Worker::allocate(std::uint64_t bytes) {
  const auto at = allocator_->allocate(bytes);
  REQUIRE(at);
  return *at;
}

Outcome Worker::answer(wire::ReplySlot& slot, const wire::CallHeader& call, std::vector<std::byte>* data) {
  const Nanoseconds deadline_ns = soon();
  while (slot.state.load(std::memory_order_acquire) != static_cast<std::uint32_t>(wire::ReplyState::done)) {
    REQUIRE(now_ns() < deadline_ns);
    wire::futex_wait(slot.state, 0, now_ns() + ns_per_s);
  }
  const auto outcome = static_cast<Outcome>(slot.outcome);
  if (data != nullptr && slot.data_bytes <= call.data_bytes)
    data->assign(at(call.data_at), at(call.data_at) + slot.data_bytes);
  return outcome;
}

Queue Worker::make_queue(bool out_of_order) {
  Queue queue;
  wire::QueueCreate command;
  queue.id = command.id = mint();
  queue.timeline = make_slot<wire::TimelineSlot>(command.timeline_at);
  command.out_of_order = out_of_order ? 1 : 0;
  post(command);
  return queue;
}

Outcome Worker::make_buffer(std::uint64_t bytes, Buffer& buffer) {
  wire::BufferCreate command;
  buffer.id = command.id = mint();
  buffer.bytes = command.bytes = bytes;
  if (traits_.buffers_in_arena) buffer.arena_at = command.arena_at = allocate(bytes);
  return call(command);
}

Worker::Buffer Worker::make_buffer(std::uint64_t bytes) {
  Buffer buffer;
  REQUIRE(make_buffer(bytes, buffer) == Outcome::ok);
  return buffer;
}

wire::ProgramBuild Worker::build_command(ObjectId id, const wire::BuildRequest& request) {
  wire::Encoder encoder;
  encode(encoder, request);
  wire::ProgramBuild command;
  command.id = id;
  command.request_bytes = encoder.bytes().size();
  command.request_at = allocate(command.request_bytes);
  std::memcpy(at(command.request_at), encoder.bytes().data(), encoder.bytes().size());
  return command;
}

wire::BuildReply Worker::build(ObjectId id, const wire::BuildRequest& request) {
  std::vector<std::byte> data;
  REQUIRE(call(build_command(id, request), &data) == Outcome::ok);
  wire::Decoder decoder(data);
  auto reply = wire::decode_build_reply(decoder);
  REQUIRE(decoder.ok());
  return reply;
}

wire::BuildReply Worker::build(ObjectId id, const std::string& source, const std::string& options) {
  wire::BuildRequest request;
  request.source = source;
  request.options = options;
  return build(id, request);
}

void Worker::post_build(ObjectId id, const std::string& source) {
  wire::BuildRequest request;
  request.source = source;
  wire::ProgramBuild command = build_command(id, request);
  (void)make_slot<wire::ReplySlot>(command.call.reply_at);
  post(command);
}

ObjectId Worker::make_kernel(ObjectId program, std::uint32_t index) {
  wire::KernelCreate command;
  command.id = mint();
  command.program = program;
  command.index = index;
  post(command);
  return command.id;
}

void Worker::release(ObjectId id) {
  wire::ObjectRelease command;
  command.id = id;
  post(command);
}

bool Worker::reached(Queue& queue, std::uint64_t sequence) {
  return wire::wait_completed(*queue.timeline, sequence, lost_, {soon()}, {});
}

void Arguments::add(wire::ArgumentValue value, std::uint32_t bytes, std::span<const std::byte> data) {
  const wire::KernelArgument record{value, bytes};
  const auto head = std::as_bytes(std::span(&record, 1));
  data_.insert(data_.end(), head.begin(), head.end());
  data_.insert(data_.end(), data.begin(), data.end());
  data_.resize((data_.size() + 7) / 8 * 8);
  ++count_;
}

Arguments& Arguments::object(ObjectId id) {
  add(wire::ArgumentValue::object, sizeof id, std::as_bytes(std::span(&id, 1)));
  return *this;
}

Arguments& Arguments::bytes(std::span<const std::byte> value) {
  add(wire::ArgumentValue::bytes, static_cast<std::uint32_t>(value.size()), value);
  return *this;
}

Arguments& Arguments::local(std::uint32_t bytes) {
  add(wire::ArgumentValue::local, bytes, {});
  return *this;
}

}  // namespace sluice::test
