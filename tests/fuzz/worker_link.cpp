// What a worker sends to the daemon that started it, through the daemon's own WorkerPool: a kernel on a CPU device is
// native code inside the worker, and could send anything.
//
// Input: one byte (0: only the decoder sees the rest; 1: the worker is starting; 2: it serves already), then steps,
// each u8 operation | u16 length | bytes. The operation's low half says what the bytes are (Step), bits 4 and 5 how
// many descriptors go with a message.
#include "daemon/sessions/worker_link.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/log.h"
#include "daemon/server/workers/worker_pool.h"
#include "tests/fuzz/check.h"
#include "tests/wire/samples.h"

namespace {

using namespace sluice;
using namespace sluice::server;

// Not named: a whole message of that kind, with this text.
enum Step : unsigned { raw_message, log_bytes = 10, take, /* 12 to 14: what workers say of moves */ move = 15 };
constexpr std::size_t steps_max = 64;

void check_decoding(std::span<const std::byte> bytes) {
  const auto decoded = decode_worker_message(bytes);
  if (!decoded.ok()) return;
  const WorkerMessage& message = decoded.value();
  FUZZ_CHECK(message.text.size() <= worker_text_bytes_max);
  FUZZ_CHECK(std::memchr(message.record.tenant, 0, sizeof message.record.tenant) != nullptr);
  FUZZ_CHECK(std::memchr(message.record.program, 0, sizeof message.record.program) != nullptr);
  const auto again = encode_worker_message(message);
  FUZZ_CHECK(again.size() <= bytes.size());
  FUZZ_CHECK(decode_worker_message(again).ok());
}

// Checks that the daemon is told of a worker in the order that the rest of it relies on.
struct Listener {
  int ready = 0, attached = 0, released = 0, gone = 0;
  int prepared = 0, kept = 0, gives = 0;
  bool taken = false, receives = false;

  void connect(WorkerPool& pool) {
    pool.ready.connect([this](std::uint32_t) { FUZZ_CHECK(++ready == 1 && !taken); });
    pool.attached.connect([this](Worker&) { FUZZ_CHECK(++attached == 1 && taken && released == 0 && gone == 0); });
    pool.prepared.connect([this](Worker&) { FUZZ_CHECK(++prepared == 1 && receives && attached == 0 && gone == 0); });
    pool.moved.connect([](Worker&, const MoveReport&) { FUZZ_CHECK(false); });  // nothing is committed here
    pool.kept.connect([this](Worker&, const std::string&) { FUZZ_CHECK(++kept <= gives && gone == 0); });
    pool.released.connect([this](Worker&, const std::string&) { FUZZ_CHECK(++released == 1 && taken && gone == 0); });
    pool.gone.connect([this](Worker&, const std::string& reason) { check_gone(reason); });
  }
  void check_gone(const std::string& reason) {
    FUZZ_CHECK(++gone == 1 && taken);
    FUZZ_CHECK(std::all_of(reason.begin(), reason.end(), [](char c) { return c >= ' ' && c <= '~'; }));
  }
};

// A folder and a launcher, for a pool that starts no worker.
struct Surroundings {
  std::string path = make_folder();
  Config config;
  RuntimeFolder folder = RuntimeFolder::open(pool_folders_below(path), false).take();
  WorkerGroups groups = without_groups(config);
  WorkerLauncher launcher{"/nonexistent", "/nonexistent", folder, groups, config};

  Surroundings() { launcher.set_devices(std::array{WorkerDevice{0, {}, wire::sample_device_traits()}}); }
  static WorkerGroups without_groups(Config& config) {
    config.jail_without.add(Fence::cgroup);
    return WorkerGroups::open(config, "").take();
  }
  static std::string make_folder() {
    char name[] = "/tmp/sluice-fuzz-XXXXXX";
    FUZZ_CHECK(mkdtemp(name) != nullptr);
    FUZZ_CHECK(log::configure("error", "fuzz").ok());
    return name;
  }
  ~Surroundings() { std::filesystem::remove_all(path); }
};

// One worker of such a pool. Its process is an eventfd, which is readable once it has "ended" and which no signal
// reaches.
class Rig {
 public:
  Rig(const Surroundings& around, bool serving, std::span<const std::byte> steps)
      : pool_(loop_, around.launcher, tasks_, {0, 0, ns_per_s}), steps_(steps) {
    FUZZ_CHECK(loop_.open().ok());
    listener_.connect(pool_);
    auto link = wire::MessageSocket::pair().take();
    auto log = make_worker_pipe().take();
    worker_ = std::move(link.second);
    log_ = std::move(log.write_end);
    LaunchedWorker launched;
    launched.link = std::move(link.first);
    launched.log = std::move(log.read_end);
    launched.process.pidfd.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    process_ = UniqueFd(dup(launched.process.pidfd.get()));
    listener_.taken = serving;
    if (serving) FUZZ_CHECK((now_ = pool_.adopt(1, 0, std::move(launched), 0).take()) != nullptr);
    else pool_.begin(1, 0, std::move(launched));
  }

  void run() {
    next_ = loop_.at(now_ns(), [this] { step(); });
    loop_.run();
    FUZZ_CHECK(pool_.size() == 0);
    FUZZ_CHECK(listener_.gone == (listener_.taken ? 1 : 0));
    FUZZ_CHECK(tasks_.finish(now_ns() + 10 * ns_per_s));
  }

 private:
  // Between two steps the loop has a round in which to handle the first.
  void step() {
    if (steps_.size() < 3 || ++count_ > steps_max) return end();
    const auto operation = std::to_integer<unsigned>(steps_[0]);
    std::uint16_t length = 0;
    std::memcpy(&length, steps_.data() + 1, sizeof length);
    const auto bytes = steps_.subspan(3, std::min<std::size_t>(length, steps_.size() - 3));
    steps_ = steps_.subspan(3 + bytes.size());
    act(operation & 15, bytes, (operation >> 4) & 3);
    next_ = loop_.at(now_ns(), [this] { step(); });
  }

  void act(unsigned what, std::span<const std::byte> bytes, std::size_t fds) {
    if (what == raw_message) return send(bytes, fds);
    if (what == log_bytes) return (void)!write(log_.get(), bytes.data(), bytes.size());
    if (what == take) {
      if (Worker* worker = pool_.take(0); worker != nullptr) now_ = worker, listener_.taken = true;
      return;
    }
    if (what == move) return begin_move();
    WorkerMessage message;
    message.kind = static_cast<WorkerMessageKind>(what);
    message.text.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    send(encode_worker_message(message), fds);
  }

  // The worker becomes a target if it was just taken, or a source if it serves.
  void begin_move() {
    if (now_ == nullptr || listener_.gone != 0 || !now_->link.valid()) return;
    if (now_->state == WorkerState::attaching) {
      SessionRecord record;
      record.bindings = {{0, 1}};
      listener_.receives = pool_.receive(*now_, record, {}).ok();
    } else if (WorkerPool::can_give(*now_) && pool_.give(*now_, {}).ok()) {
      ++listener_.gives;
    }
  }

  void send(std::span<const std::byte> bytes, std::size_t fds) {
    const std::array all{process_.get(), process_.get(), process_.get()};
    if (!bytes.empty()) (void)worker_.send(bytes, std::span(all).first(fds), 0);
  }

  void end() {
    (void)eventfd_write(process_.get(), 1);
    next_ = loop_.at(now_ns(), [this] { next_ = loop_.at(now_ns(), [this] { loop_.stop(); }); });
  }

  EventLoop loop_;
  BlockingTasks tasks_;
  Listener listener_;
  WorkerPool pool_;
  Worker* now_ = nullptr;  // the worker, once it was given a session
  wire::MessageSocket worker_;
  UniqueFd log_, process_;
  std::span<const std::byte> steps_;
  std::size_t count_ = 0;
  Timer next_;
};

int lowest_free_fd() {
  const UniqueFd lowest(dup(STDERR_FILENO));
  return lowest.get();
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto bytes = fuzz_input(data + 1, size - 1);
  if (data[0] != 1 && data[0] != 2) return check_decoding(bytes), 0;
  static const Surroundings around;
  const int before = lowest_free_fd();
  Rig(around, data[0] == 2, bytes).run();
  FUZZ_CHECK(lowest_free_fd() == before);  // whatever was sent is closed
  return 0;
}
