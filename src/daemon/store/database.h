// Database: SQLite as the store uses it: one connection, statements that are bound by position, errors as Status.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"

namespace sluice::store {

// A prepared statement. Not thread-safe, as its database.
class Statement {
 public:
  // Parameters count from 1; what is bound must outlive the next step().
  Statement& bind(int at, std::uint64_t value);  // REQUIRES: below 2^63
  Statement& bind(int at, std::string_view text);
  Statement& bind_bytes(int at, std::string_view bytes);

  // True: there is a row. False: it is done.
  Result<bool> step();
  // For statements without rows.
  Status run();

  // Of the row that step() found; columns count from 0.
  std::uint64_t number(int column) const;
  std::string text(int column) const;  // also of a blob

 private:
  friend class Database;
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class Database {
 public:
  // Opens the file, makes it (mode 0600) if it is missing, and takes it for this process alone.
  // unavailable: another process has it. internal: it is damaged, no database, or not to be read.
  static Result<Database> open(const std::string& path);

  Status execute(const char* sql);
  Result<Statement> prepare(std::string_view sql);

 private:
  struct Close {
    void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
  };
  explicit Database(sqlite3* handle) : handle_(handle) {}
  Status set_up();

  std::unique_ptr<sqlite3, Close> handle_;
};

}  // namespace sluice::store
