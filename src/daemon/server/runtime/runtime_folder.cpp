#include "daemon/server/runtime/runtime_folder.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <map>
#include <set>

#include "daemon/server/runtime/files.h"
#include "daemon/server/runtime/process_identity.h"
#include "daemon/sessions/record_frame.h"

namespace sluice::server {
namespace {

constexpr std::size_t life_bytes_max = 256;
constexpr std::size_t path_bytes_max =
    107 - std::string_view("/workers/4294967295/adoption.sock").size();  // see unix(7)
constexpr std::string_view life_suffix = ".life";
constexpr std::string_view session_suffix = ".session";
constexpr std::string_view charges_suffix = ".charges";
constexpr std::uint32_t charges_version = 2;
constexpr std::size_t charges_bytes_max = 256;

// What is true of one process alone, over number reuse and reboots.
std::string life_of(pid_t pid) {
  const std::uint64_t started = start_ticks_of(pid);
  if (started == 0) return "";
  std::string boot = read_kernel_file("/proc/sys/kernel/random/boot_id");
  while (!boot.empty() && boot.back() == '\n') boot.pop_back();
  return std::to_string(pid) + " " + std::to_string(started) + " " + boot + "\n";
}

std::optional<std::uint32_t> whole_number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// The process that a .life file speaks of, if it is alive.
std::optional<Process> find_living(const std::string& life_path) {
  const auto life = read_own_file(life_path, life_bytes_max);
  if (!life.ok()) return std::nullopt;
  const auto pid = whole_number(std::string_view(life.value()).substr(0, life.value().find(' ')));
  if (!pid || *pid == 0) return std::nullopt;
  Process process;
  process.pid = static_cast<pid_t>(*pid);
  process.pidfd = open_pidfd(process.pid);
  // Compared after the pidfd is open: from then on the number cannot come to mean another process.
  if (!process.pidfd.valid() || life_of(process.pid) != life.value()) return std::nullopt;
  return process;
}

// No note: the worker has no session. not_found is that; any other failure is a note that this daemon cannot read.
Result<SessionNote> read_session(const std::string& worker_folder) {
  const auto bytes = SLUICE_TRY(read_own_file(worker_folder + std::string(session_suffix), session_note_bytes_max + 1));
  return decode_session_note(std::as_bytes(std::span(bytes)));
}

struct Charges {
  metering::Account account;
  metering::Usage past;
};

template <typename Visitor, typename Books>
void visit_books(Visitor& v, Books& b) {
  v(b.measured_ns), v(b.charged_ns), v(b.build_ns);
}

template <typename Visitor, typename Account, typename Usage>
void visit(Visitor& v, Account& a, Usage& past) {
  visit_books(v, a.books);
  v(a.cpu_ns), v(a.noted_ns);
  visit_books(v, past.books);
  v(past.device_ns), v(past.launches), v(past.commands), v(past.failures), v(past.bytes_in), v(past.bytes_out);
  v(past.memory_peak_bytes);
}

// A file of another version, or of another session, says nothing: then all that the worker has used is charged again,
// as what it used without a lease.
std::optional<Charges> read_charges(const std::string& worker_folder, std::uint64_t session_id) {
  const auto bytes = read_own_file(worker_folder + std::string(charges_suffix), charges_bytes_max);
  if (!bytes.ok()) return std::nullopt;
  wire::Decoder decoder(std::as_bytes(std::span(bytes.value())));
  const auto framed = get_frame(decoder, charges_version, "what a session was charged");
  if (!framed.ok()) return std::nullopt;
  wire::Decoder fields(framed.value());
  const bool its_own = fields.get<std::uint64_t>() == session_id;
  Charges charges;
  wire::DecodeVisitor visitor(fields);
  visit(visitor, charges.account, charges.past);
  const bool whole = check_whole(fields, "what a session was charged").ok();
  return its_own && whole ? std::optional(charges) : std::nullopt;
}

// The target of a move has charges of its own from the commit on, which hold what was used before; without them, what
// its source was charged comes before it.
Charges charges_of(const std::string& workers, std::uint32_t number, const SessionNote& note) {
  const auto of = [&](std::uint32_t worker) {
    return read_charges(workers + "/" + std::to_string(worker), note.record.session_id);
  };
  if (const auto own = of(number)) return *own;
  const auto source = note.move.role == MoveRole::target ? of(note.move.peer) : std::nullopt;
  if (!source) return {};
  Charges charges;
  charges.past = source->past;
  charges.past.books += source->account.books;
  charges.past.device_ns += source->account.books.measured_ns;
  return charges;
}

LivingWorker living_worker(std::uint32_t number, Process process, const std::string& workers) {
  LivingWorker worker{number, std::move(process), {}, {}, {}, {}};
  auto note = read_session(workers + "/" + std::to_string(number));
  if (note.ok()) worker.session = note.take();
  else if (note.status().code() != Code::not_found) worker.unreadable = note.status();
  if (!worker.session) return worker;
  const Charges charges = charges_of(workers, number, *worker.session);
  worker.account = charges.account;
  worker.past = charges.past;
  return worker;
}

}  // namespace

Result<RuntimeFolder> RuntimeFolder::open(const PoolFolders& folders, bool everyone) {
  RuntimeFolder folder;
  folder.folders_ = folders;
  if (folders.runtime.size() > path_bytes_max)
    return Status(Code::invalid_argument, "the runtime folder's path is too long for the sockets in it (at most " +
                                              std::to_string(path_bytes_max) + " bytes): " + folders.runtime);
  SLUICE_TRY(make_own_folder(folders.runtime, everyone ? 0755 : 0700));
  SLUICE_TRY(folder.take_lock());
  for (const std::string& path : {folders.runtime + "/workers", folders.state, folders.cache})
    SLUICE_TRY(make_own_folder(path, 0700));
  return folder;
}

namespace {

// A daemon that was killed may hold its lock for a moment longer: while another process looks at its descriptors.
constexpr int dead_holder_looks_max = 100;
constexpr useconds_t dead_holder_look_us = 10'000;

constexpr pid_t nobody = -1;

bool has_ended(pid_t holder) { return holder == nobody || (holder > 0 && kill(holder, 0) != 0 && errno == ESRCH); }

// holder: who has the lock; 0: a process that has no number here. May be null.
bool lock_whole(int fd, int command, pid_t* holder) {
  struct flock whole {};
  whole.l_type = F_WRLCK;
  const bool done = fcntl(fd, command, &whole) == 0;
  if (holder != nullptr) *holder = done && whole.l_type != F_UNLCK ? whole.l_pid : nobody;
  return done;
}

}  // namespace

Status RuntimeFolder::take_lock() {
  const std::string path = folders_.runtime + "/sluiced.lock";
  lock_.reset(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock_.valid()) return errno_status("open " + path, errno);
  // A process's own lock, not a descriptor's: a worker that is just being started has the daemon's descriptors for a
  // moment, and must not keep the next daemon out.
  for (int attempt = 1; !lock_whole(lock_.get(), F_SETLK, nullptr); ++attempt) {
    if (errno != EAGAIN && errno != EACCES) return errno_status("lock " + path, errno);
    pid_t holder = 0;
    (void)lock_whole(lock_.get(), F_GETLK, &holder);
    if (attempt == dead_holder_looks_max || !has_ended(holder))
      return Status(Code::unavailable, "another sluiced" +
                                           (holder > 0 ? " (pid " + std::to_string(holder) + ")" : std::string()) +
                                           " already serves " + folders_.runtime);
    usleep(dead_holder_look_us);
  }
  char text[32] = {};
  const int length = std::snprintf(text, sizeof text, "%d", getpid());
  if (ftruncate(lock_.get(), 0) != 0 || pwrite(lock_.get(), text, static_cast<std::size_t>(length), 0) != length)
    return errno_status("write " + path, errno);
  return Status();
}

std::string RuntimeFolder::worker_folder(std::uint32_t number) const {
  return folders_.runtime + "/workers/" + std::to_string(number);
}

Status RuntimeFolder::make_worker_folder(std::uint32_t number) const {
  return make_own_folder(worker_folder(number), 0700);
}

Status RuntimeFolder::record_life(std::uint32_t number, pid_t pid) const {
  return write_own_file(worker_folder(number) + std::string(life_suffix), life_of(pid));
}

Status RuntimeFolder::record_session(std::uint32_t number, const SessionNote& note) const {
  const auto bytes = encode_session_note(note);
  return write_own_file(worker_folder(number) + std::string(session_suffix),
                        std::span(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

Status RuntimeFolder::record_account(std::uint32_t number, std::uint64_t session_id, const metering::Account& account,
                                     const metering::Usage& past) const {
  wire::Encoder fields;
  fields.put(session_id);
  wire::EncodeVisitor visitor(fields);
  visit(visitor, account, past);
  wire::Encoder file;
  put_frame(file, charges_version, fields.bytes());
  return write_own_file(worker_folder(number) + std::string(charges_suffix),
                        std::span(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()));
}

std::function<void()> RuntimeFolder::worker_folder_removal(std::uint32_t number) const {
  return [folder = worker_folder(number)] {
    remove_tree(folder);
    remove_tree(folder + std::string(session_suffix));
    remove_tree(folder + std::string(charges_suffix));
    remove_tree(folder + std::string(life_suffix));
  };
}

std::vector<LostSession> RuntimeFolder::lost_sessions() const {
  std::map<std::uint64_t, LostSession> dead;
  std::set<std::uint64_t> living;
  const std::string workers = folders_.runtime + "/workers";
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(workers, error)) {
    if (entry.path().extension() != session_suffix) continue;
    const auto number = whole_number(entry.path().stem().native());
    const auto note = number ? read_session(worker_folder(*number)) : Result<SessionNote>(Status(Code::not_found, ""));
    if (!note.ok()) continue;
    const SessionRecord& record = note.value().record;
    if (find_living(worker_folder(*number) + std::string(life_suffix))) {
      living.insert(record.session_id);
      continue;
    }
    // The books of a move's target hold its source's.
    const Charges charges = charges_of(workers, *number, note.value());
    const LostSession lost{record, charges.account, charges.past};
    if (note.value().move.role == MoveRole::source) dead.try_emplace(record.session_id, lost);
    else dead.insert_or_assign(record.session_id, lost);
  }
  std::vector<LostSession> lost;
  for (auto& [id, session] : dead)
    if (!living.contains(id)) lost.push_back(std::move(session));
  return lost;
}

std::vector<LivingWorker> RuntimeFolder::sweep(std::uint32_t& number_max) const {
  std::map<std::uint32_t, LivingWorker> living;
  std::vector<std::filesystem::path> entries;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folders_.runtime + "/workers", error))
    entries.push_back(entry.path());
  for (const auto& entry : entries) {
    if (entry.extension() != life_suffix) continue;
    const auto number = whole_number(entry.stem().native());
    auto process = number ? find_living(entry) : std::nullopt;
    if (process) living[*number] = living_worker(*number, std::move(*process), folders_.runtime + "/workers");
  }
  for (const auto& entry : entries) {
    const auto number = whole_number(entry.stem().native());
    if (!number || !living.contains(*number)) remove_tree(entry);
  }
  std::vector<LivingWorker> all;
  for (auto& [number, worker] : living) all.push_back(std::move(worker));
  if (!all.empty()) number_max = std::max(number_max, all.back().number);
  return all;
}

void RuntimeFolder::remove_sockets() const {
  for (const std::string& path : {tenant_socket(), admin_socket()}) (void)unlink(path.c_str());
}

}  // namespace sluice::server
