// SQLite's C API as values that own what they hold: Database and Statement. Only daemon/state uses
// it. Errors carry SQLite's own text, the errno below it where there is one, and a hint for the
// cases an operator can mend.
#pragma once

#include <sqlite3.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "maps/types/error.hpp"

namespace ebpfnet::state {

struct DatabaseCloser {
  void operator()(sqlite3* db) const noexcept { ::sqlite3_close(db); }
};
struct StatementCloser {
  void operator()(sqlite3_stmt* statement) const noexcept { ::sqlite3_finalize(statement); }
};

// What went wrong last on `db`, as an Error: SQLITE_FULL and ENOSPC become `exhausted`, a broken
// uniqueness `conflict`.
Error error_of(sqlite3* db, std::string_view doing);

class Statement {
public:
  // `text` holds one statement with ?1, ?2 ...
  static Result<Statement> prepare(sqlite3* db, std::string_view text);

  Result<void> bind(int position, std::string_view value);
  Result<void> bind(int position, std::int64_t value);
  // True while there is a row to read.
  Result<bool> step();
  // Ready for the next round of bind and step.
  void reset();
  std::string text(int column) const;
  std::int64_t number(int column) const;

private:
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}
  std::unique_ptr<sqlite3_stmt, StatementCloser> statement_;
};

class Database {
public:
  // Opens an existing file (an empty one is a new database); writes nothing to it.
  static Result<Database> open(const std::filesystem::path& file);
  sqlite3* get() const { return db_.get(); }
  // Runs one or several statements without results.
  Result<void> run(const std::string& text);
  // The first column of the first row of a query.
  Result<std::string> one(std::string_view query);
  // Whether closing moves the log into the main file: off while the file may have to stay
  // untouched.
  void checkpoint_on_close(bool wanted);

private:
  explicit Database(sqlite3* db) : db_(db) {}
  std::unique_ptr<sqlite3, DatabaseCloser> db_;
};

} // namespace ebpfnet::state
