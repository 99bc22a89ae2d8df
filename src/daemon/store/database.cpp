#include "daemon/store/database.h"

#include <fcntl.h>

#include <cerrno>

#include "base/contract.h"
#include "base/unique_fd.h"

namespace sluice::store {
namespace {

Status failure(sqlite3* handle) {
  const int code = sqlite3_errcode(handle) & 0xff;
  const std::string why = sqlite3_errmsg(handle);
  if (code == SQLITE_BUSY || code == SQLITE_LOCKED) return Status(Code::unavailable, why);
  return Status(code == SQLITE_FULL ? Code::exhausted : Code::internal, why);
}

// SQLite gives its other files the mode of this one.
Status make_private_file(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  return file.valid() ? Status() : errno_status("open " + path, errno);
}

}  // namespace

Statement& Statement::bind(int at, std::uint64_t value) {
  SLUICE_REQUIRE(value >> 63 == 0);
  sqlite3_bind_int64(statement_.get(), at, static_cast<sqlite3_int64>(value));
  return *this;
}

Statement& Statement::bind(int at, std::string_view text) {
  sqlite3_bind_text(statement_.get(), at, text.data(), static_cast<int>(text.size()), SQLITE_STATIC);
  return *this;
}

Statement& Statement::bind_bytes(int at, std::string_view bytes) {
  sqlite3_bind_blob(statement_.get(), at, bytes.data(), static_cast<int>(bytes.size()), SQLITE_STATIC);
  return *this;
}

Result<bool> Statement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW || code == SQLITE_DONE) return code == SQLITE_ROW;
  return failure(sqlite3_db_handle(statement_.get()));
}

Status Statement::run() { return step().status(); }

std::uint64_t Statement::number(int column) const {
  return static_cast<std::uint64_t>(sqlite3_column_int64(statement_.get(), column));
}

std::string Statement::text(int column) const {
  const void* bytes = sqlite3_column_blob(statement_.get(), column);
  const int length = sqlite3_column_bytes(statement_.get(), column);
  return bytes == nullptr ? "" : std::string(static_cast<const char*>(bytes), static_cast<std::size_t>(length));
}

Result<Database> Database::open(const std::string& path) {
  SLUICE_TRY(make_private_file(path));
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW, nullptr);
  Database database(handle);
  Status opened = code == SQLITE_OK ? database.set_up() : failure(handle);
  if (opened.ok()) return database;
  return Status(opened.code(), "cannot use " + path + ": " + opened.message() +
                                   (opened.code() == Code::unavailable ? "; another daemon has this state folder"
                                                                       : "; restore it from a backup or move it away"));
}

// One process alone has the file, so that what it keeps in memory is what is stored.
Status Database::set_up() {
  SLUICE_TRY(
      execute("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
              "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; BEGIN IMMEDIATE; COMMIT;"));
  auto check = SLUICE_TRY(prepare("PRAGMA quick_check(1)"));
  SLUICE_TRY(check.step());
  const std::string found = check.text(0);
  return found == "ok" ? Status() : Status(Code::internal, "it is damaged: " + found);
}

Status Database::execute(const char* sql) {
  return sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr) == SQLITE_OK ? Status() : failure(handle_.get());
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(handle_.get(), sql.data(), static_cast<int>(sql.size()), &statement, nullptr) != SQLITE_OK)
    return failure(handle_.get());
  return Statement(statement);
}

}  // namespace sluice::store
