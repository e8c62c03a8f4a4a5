#include "daemon/state/sqlite.hpp"

namespace ebpfnet::state {

Error error_of(sqlite3* db, std::string_view doing) {
  Error error{ErrorCode::internal,
              ::sqlite3_system_errno(db),
              fmt::format("{}: {}", doing, ::sqlite3_errmsg(db)),
              {}};
  const int extended = ::sqlite3_extended_errcode(db);
  const int code = extended & 0xff;
  const bool io = code == SQLITE_IOERR || code == SQLITE_CANTOPEN;
  if (io && error.sys_errno != 0) {
    error.message += fmt::format(" ({})", std::strerror(error.sys_errno));
  }
  if (code == SQLITE_FULL || extended == SQLITE_IOERR_SHMSIZE ||
      (io && (error.sys_errno == ENOSPC || error.sys_errno == EDQUOT))) {
    error.code = ErrorCode::exhausted;
    error.hint = "free space on the file system of the state; what was stored before is kept";
  } else if (extended == SQLITE_IOERR_WRITE) {
    error.hint = "check free space, file size limits and the disk; what was stored before is kept";
  } else if (code == SQLITE_READONLY || error.sys_errno == EROFS || error.sys_errno == EACCES) {
    error.hint = "the state directory must be writable by the daemon";
  } else if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB) {
    error.hint = "the state file is damaged: restore a backup or move it away";
  } else if (code == SQLITE_BUSY) {
    error.hint = "another program holds the state file open for writing";
  } else if (extended == SQLITE_CONSTRAINT_UNIQUE) {
    error.code = ErrorCode::conflict;
  }
  return error;
}

Result<Statement> Statement::prepare(sqlite3* db, std::string_view text) {
  sqlite3_stmt* statement = nullptr;
  if (::sqlite3_prepare_v2(db, text.data(), static_cast<int>(text.size()), &statement, nullptr) !=
      SQLITE_OK) {
    return Failure(error_of(db, "prepare statement"));
  }
  return Statement(statement);
}

Result<void> Statement::bind(int position, std::string_view value) {
  const char* data = value.data() == nullptr ? "" : value.data();
  if (::sqlite3_bind_text64(statement_.get(), position, data, value.size(), SQLITE_TRANSIENT,
                            SQLITE_UTF8) != SQLITE_OK) {
    return Failure(error_of(::sqlite3_db_handle(statement_.get()), "bind value"));
  }
  return {};
}

Result<void> Statement::bind(int position, std::int64_t value) {
  if (::sqlite3_bind_int64(statement_.get(), position, value) != SQLITE_OK) {
    return Failure(error_of(::sqlite3_db_handle(statement_.get()), "bind value"));
  }
  return {};
}

Result<bool> Statement::step() {
  const int code = ::sqlite3_step(statement_.get());
  if (code != SQLITE_ROW && code != SQLITE_DONE) {
    return Failure(error_of(::sqlite3_db_handle(statement_.get()), "run statement"));
  }
  return code == SQLITE_ROW;
}

void Statement::reset() {
  ::sqlite3_reset(statement_.get());
  ::sqlite3_clear_bindings(statement_.get());
}

std::string Statement::text(int column) const {
  const auto* data = reinterpret_cast<const char*>(::sqlite3_column_text(statement_.get(), column));
  return data == nullptr ? std::string()
                         : std::string(data, static_cast<std::size_t>(
                                                 ::sqlite3_column_bytes(statement_.get(), column)));
}

std::int64_t Statement::number(int column) const {
  return ::sqlite3_column_int64(statement_.get(), column);
}

Result<Database> Database::open(const std::filesystem::path& file) {
  sqlite3* raw = nullptr;
  const int code =
      ::sqlite3_open_v2(file.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX, nullptr);
  if (raw == nullptr) {
    return fail(ErrorCode::internal, "open '{}': out of memory", file.string());
  }
  Database db(raw);
  if (code != SQLITE_OK) {
    return Failure(error_of(raw, fmt::format("open '{}'", file.string())));
  }
  ::sqlite3_extended_result_codes(raw, 1);
  ::sqlite3_busy_timeout(raw, 5000);
  return db;
}

Result<void> Database::run(const std::string& text) {
  if (::sqlite3_exec(db_.get(), text.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    return Failure(error_of(db_.get(), "run statement"));
  }
  return {};
}

Result<std::string> Database::one(std::string_view query) {
  Statement statement = TRY(Statement::prepare(db_.get(), query));
  return TRY(statement.step())
  ? statement.text(0) : std::string();
}

void Database::checkpoint_on_close(bool wanted) {
  ::sqlite3_db_config(db_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, wanted ? 0 : 1, nullptr);
}

} // namespace ebpfnet::state
