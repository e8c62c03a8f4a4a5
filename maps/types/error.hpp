// Errors are values with a story: what went wrong, seen from the inside out, and what an operator
// can do about it. Every layer that passes an error on adds one phrase with `wrap`; nobody throws
// for bad input.
#pragma once

#include <fmt/core.h>

#include <cerrno>
#include <cstring>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace ebpfnet {

// What kind of refusal this is. The server turns it into an HTTP status, the command line into an
// exit code.
enum class ErrorCode {
  invalid,        // the request itself is wrong (400)
  forbidden,      // not permitted on this object (403)
  not_found,      // no such object (404)
  conflict,       // clashes with something that exists or is in use (409)
  exhausted,      // a pool, table or quota has no room (503)
  unsupported,    // this kernel, build or driver cannot do it (501)
  unavailable,    // the daemon or a peer cannot be reached (503)
  not_executable, // a command was found but cannot be run (126)
  no_command,     // a command was not found (127)
  internal,       // a system call failed or an invariant broke (500)
};

struct [[nodiscard]] Error {
  ErrorCode code = ErrorCode::internal;
  int sys_errno = 0;   // errno of the innermost failure, 0 when there is none
  std::string message; // "outer: inner: innermost"
  std::string hint;    // what the operator can do; may be empty

  // Adds an outer phrase: "attach endpoint 'web'" + ": " + message.
  Error wrap(std::string_view phrase) && {
    message = fmt::format("{}: {}", phrase, message);
    return std::move(*this);
  }
  Error with_hint(std::string text) && {
    hint = std::move(text);
    return std::move(*this);
  }
  // One line for people: "message (hint: ...)".
  std::string story() const {
    return hint.empty() ? message : fmt::format("{} (hint: {})", message, hint);
  }
};

template <class T> class [[nodiscard]] Result : public std::expected<T, Error> {
public:
  using std::expected<T, Error>::expected;
};

template <> class [[nodiscard]] Result<void> : public std::expected<void, Error> {
public:
  using std::expected<void, Error>::expected;
};

using Failure = std::unexpected<Error>;

// An error without errno: fail(ErrorCode::invalid, "port {} is outside 1..65535", n).
template <class... Args>
Failure fail(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  return Failure(Error{code, 0, fmt::format(format, std::forward<Args>(args)...), {}});
}

// An error that carries errno and its text: fail_errno(errno, "open '{}'", path).
template <class... Args>
Failure fail_errno(int sys_errno, fmt::format_string<Args...> format, Args&&... args) {
  return Failure(Error{ErrorCode::internal,
                       sys_errno,
                       fmt::format("{}: {}", fmt::format(format, std::forward<Args>(args)...),
                                   std::strerror(sys_errno)),
                       {}});
}

} // namespace ebpfnet

// A name of its own for every use, so that uses may nest.
#define EBN_JOIN_(a, b) a##b
#define EBN_JOIN(a, b) EBN_JOIN_(a, b)

// TRY(expr): leaves the function with the error of `expr`, otherwise yields its value (GNU
// statement expression; not for coroutines, where g++ 12 cannot compile it).
#define EBN_TRY(result, expr)                                                                      \
  __extension__({                                                                                  \
    auto result = (expr);                                                                          \
    if (!result) {                                                                                 \
      return ::ebpfnet::Failure(std::move(result).error());                                        \
    }                                                                                              \
    std::move(*result);                                                                            \
  })
#define TRY(expr) EBN_TRY(EBN_JOIN(ebn_try_, __COUNTER__), expr)

// TRY_VOID(expr): the same where the value, if any, is not wanted.
#define EBN_TRY_VOID(result, expr)                                                                 \
  do {                                                                                             \
    if (auto result = (expr); !result) {                                                           \
      return ::ebpfnet::Failure(std::move(result).error());                                        \
    }                                                                                              \
  } while (0)
#define TRY_VOID(expr) EBN_TRY_VOID(EBN_JOIN(ebn_try_, __COUNTER__), expr)
