#include "daemon/state/store.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <mutex>

#include "daemon/state/sqlite.hpp"
#include "maps/types/unique_fd.hpp"

namespace ebpfnet::state {

namespace {

// Step N brings the schema from version N to N+1; steps are only ever appended.
constexpr std::array<const char*, kSchemaVersion> kMigrations{
    "CREATE TABLE migration (version INTEGER PRIMARY KEY, applied_at TEXT NOT NULL, writer TEXT "
    "NOT NULL) STRICT;"
    "CREATE TABLE record (kind TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL,"
    "  doc TEXT NOT NULL CHECK (json_valid(doc)), PRIMARY KEY (kind, id)) STRICT;"
    "CREATE UNIQUE INDEX record_name ON record (kind, name) WHERE name <> '';"};

// Makes the file so that its mode is right from its first moment.
Result<void> make_file(const std::filesystem::path& dir, const std::filesystem::path& file) {
  if (::mkdir(dir.c_str(), 0700) != 0 && errno != EEXIST) {
    return fail_errno(errno, "make state directory '{}'", dir.string());
  }
  const UniqueFd fd(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) {
    const int code = errno;
    Failure failure = fail_errno(code, "open state file '{}'", file.string());
    return Failure(std::move(failure).error().with_hint(
        code == ENOSPC || code == EDQUOT ? "free space on the file system of the state directory"
                                         : "the state directory must be writable by the daemon"));
  }
  if (::fchmod(fd.get(), 0600) != 0) {
    return fail_errno(errno, "set mode of '{}'", file.string());
  }
  return {};
}

Error damaged(const std::filesystem::path& file, std::string_view what) {
  return Error{
      ErrorCode::internal, 0, fmt::format("state file '{}' is damaged: {}", file.string(), what),
      fmt::format("nothing was changed; restore a backup, or move it away together with its "
                  "-wal and -shm files to start empty: mv '{0}' '{0}.corrupt'",
                  file.string())};
}

Error read_only(const std::filesystem::path& dir) {
  return Error{ErrorCode::internal, EROFS,
               fmt::format("the state directory '{}' is read-only", dir.string()),
               "nothing was changed; make it writable again, as with mount -o remount,rw: no "
               "restart is needed"};
}

// After an error of its disk a file system may refuse all changes without being told read-only, and
// SQLite does not hand on why a write failed. Nothing is left of the file.
bool refuses_files(const std::filesystem::path& dir) {
  const UniqueFd fd(::open(dir.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  return !fd && errno == EROFS;
}

Result<void> refuse_damaged(Database& db, const std::filesystem::path& file) {
  auto verdict = db.one("PRAGMA quick_check(1)");
  if (verdict && *verdict == "ok") {
    return {};
  }
  if (verdict) {
    return Failure(damaged(file, *verdict));
  }
  const int code = ::sqlite3_errcode(db.get()) & 0xff;
  if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB) {
    return Failure(damaged(file, ::sqlite3_errmsg(db.get())));
  }
  return Failure(
      std::move(verdict).error().wrap(fmt::format("check state file '{}'", file.string())));
}

Result<int> schema_of(Database& db, const std::filesystem::path& file) {
  const std::string text = TRY(db.one("PRAGMA user_version"));
  int version = 0;
  std::from_chars(text.data(), text.data() + text.size(), version);
  if (version < 0) {
    return Failure(damaged(file, fmt::format("schema version {}", version)));
  }
  if (version > kSchemaVersion) {
    auto writer = db.one("SELECT writer FROM migration ORDER BY version DESC LIMIT 1");
    return Failure(
        Error{ErrorCode::unsupported, 0,
              fmt::format(
                  "state file '{}' has schema version {}, written by {}; this build knows up to {}",
                  file.string(), version, writer && !writer->empty() ? *writer : "a newer ebpfnetd",
                  kSchemaVersion),
              "nothing was changed; run the newer ebpfnetd, or restore the backup made before its "
              "upgrade"});
  }
  return version;
}

Result<void> migrate(Database& db, int from) {
  for (int version = from; version < kSchemaVersion; ++version) {
    const int next = version + 1;
    auto done = db.run(
        fmt::format("BEGIN IMMEDIATE; {} INSERT INTO migration VALUES ({}, datetime('now'), "
                    "'ebpfnetd with schema {}'); PRAGMA user_version = {}; COMMIT",
                    kMigrations[static_cast<std::size_t>(version)], next, kSchemaVersion, next));
    if (!done) {
      (void)db.run("ROLLBACK");
      return Failure(std::move(done).error().wrap(fmt::format("bring state to schema {}", next)));
    }
  }
  return {};
}

Result<std::string> text_of(const Change& change) {
  try {
    return change.doc.dump();
  } catch (const nlohmann::json::exception&) {
    return fail(ErrorCode::invalid, "{} '{}' holds text that is not UTF-8", change.kind, change.id);
  }
}

Result<Database> open_checked(const std::filesystem::path& file, bool alone) {
  Database db = TRY(Database::open(file));
  db.checkpoint_on_close(false);
  if (alone) {
    TRY_VOID(db.run("PRAGMA locking_mode = EXCLUSIVE"));
  }
  TRY_VOID(refuse_damaged(db, file));
  const int version = TRY(schema_of(db, file));
  auto ready = db.run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
  if (ready) {
    ready = migrate(db, version);
  }
  if (!ready) {
    return Failure(
        std::move(ready).error().wrap(fmt::format("prepare state file '{}'", file.string())));
  }
  db.checkpoint_on_close(true);
  return db;
}

} // namespace

struct Store::Inner {
  Inner(std::filesystem::path directory, Database database)
      : dir(std::move(directory)), db(std::move(database)) {}
  const std::filesystem::path dir;
  std::mutex mutex;
  Database db;

  Result<void> put(const Change& change);
  Result<void> remove(const Change& change);
  Result<void> run_all(std::span<const Change> changes);
};

Store::Store(std::unique_ptr<Inner> inner) : inner_(std::move(inner)) {}
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;
Store::~Store() = default;

Result<Store> Store::open(const std::filesystem::path& dir) {
  const auto file = dir / "state.db";
  TRY_VOID(make_file(dir, file));
  auto db = open_checked(file, false);
  if (!db && db.error().code == ErrorCode::exhausted) { // no room for the log's index
    // Alone on the file, SQLite keeps the index of the log in memory: what is stored can be read,
    // and changes are refused until there is room.
    db = open_checked(file, true);
  }
  if (!db) {
    return Failure(std::move(db).error());
  }
  return Store(std::make_unique<Inner>(dir, std::move(*db)));
}

Result<void> Store::check_writable() const {
  if (::access(inner_->dir.c_str(), W_OK) != 0 && errno == EROFS) {
    return Failure(read_only(inner_->dir));
  }
  return {};
}

Result<void> Store::apply(std::span<const Change> changes) {
  TRY_VOID(check_writable());
  const std::lock_guard lock(inner_->mutex);
  TRY_VOID(inner_->db.run("BEGIN IMMEDIATE"));
  auto done = inner_->run_all(changes);
  if (done) {
    done = inner_->db.run("COMMIT");
  }
  if (!done && ::sqlite3_get_autocommit(inner_->db.get()) == 0) {
    (void)inner_->db.run("ROLLBACK"); // the first error is the one to report
  }
  if (!done && done.error().code == ErrorCode::internal && refuses_files(inner_->dir)) {
    return Failure(read_only(inner_->dir));
  }
  if (!done) {
    return Failure(std::move(done).error().wrap("store state"));
  }
  return {};
}

Result<void> Store::Inner::run_all(std::span<const Change> changes) {
  for (const Change& change : changes) {
    TRY_VOID(change.op == Change::Op::put ? put(change) : remove(change));
  }
  return {};
}

Result<void> Store::Inner::put(const Change& change) {
  const std::string doc = TRY(text_of(change));
  Statement insert = TRY(Statement::prepare(
      db.get(), "INSERT INTO record (kind, id, name, doc) VALUES (?1, ?2, ?3, ?4) "
                "ON CONFLICT (kind, id) DO UPDATE SET name = excluded.name, doc = excluded.doc"));
  TRY_VOID(insert.bind(1, change.kind));
  TRY_VOID(insert.bind(2, change.id));
  TRY_VOID(insert.bind(3, change.name));
  TRY_VOID(insert.bind(4, doc));
  auto done = insert.step();
  if (!done && done.error().code == ErrorCode::conflict) {
    return fail(ErrorCode::conflict, "{} name '{}' is already taken", change.kind, change.name);
  }
  if (!done) {
    return Failure(std::move(done).error());
  }
  return {};
}

Result<void> Store::Inner::remove(const Change& change) {
  Statement erase =
      TRY(Statement::prepare(db.get(), "DELETE FROM record WHERE kind = ?1 AND id = ?2"));
  TRY_VOID(erase.bind(1, change.kind));
  TRY_VOID(erase.bind(2, change.id));
  TRY_VOID(erase.step());
  return {};
}

Result<std::vector<Record>> Store::load(std::string_view kind) {
  const std::lock_guard lock(inner_->mutex);
  Statement select = TRY(Statement::prepare(
      inner_->db.get(), "SELECT id, name, doc FROM record WHERE kind = ?1 ORDER BY id"));
  TRY_VOID(select.bind(1, kind));
  std::vector<Record> records;
  while (TRY(select.step())) {
    Record record{select.text(0), select.text(1),
                  nlohmann::json::parse(select.text(2), nullptr, false)};
    if (record.doc.is_discarded()) {
      return fail(ErrorCode::internal, "stored {} '{}' is not valid JSON", kind, record.id);
    }
    records.push_back(std::move(record));
  }
  return records;
}

} // namespace ebpfnet::state
