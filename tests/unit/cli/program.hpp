// Runs the built ebpfnet against a server in this test and keeps what it printed.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "daemon/server/native/routes.hpp"
#include "tests/unit/daemon/server/mock_backend.hpp"
#include "tests/unit/daemon/server/test_server.hpp"

namespace ebpfnet::cli {

struct Outcome {
  int code = -1; // 128+n after a signal
  std::string out;
  std::string err;
};

class Program : public ::testing::Test {
protected:
  // Starts `ebpfnet words...`; its stdin is empty.
  pid_t start(std::vector<std::string> words) {
    words.insert(words.begin(), "ebpfnet");
    std::vector<char*> argv;
    for (std::string& word : words) {
      argv.push_back(word.data());
    }
    argv.push_back(nullptr);
    std::vector<std::string> env = environment();
    std::vector<char*> envp;
    for (std::string& variable : env) {
      envp.push_back(variable.data());
    }
    envp.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    int flags = O_WRONLY | O_CREAT | O_TRUNC;
    posix_spawn_file_actions_addopen(&actions, 1, (files_ / "out").c_str(), flags, 0600);
    posix_spawn_file_actions_addopen(&actions, 2, (files_ / "err").c_str(), flags, 0600);
    server_.meet();
    pid_t pid = -1;
    EXPECT_EQ(::posix_spawn(&pid, EBPFNET_BINARY, &actions, nullptr, argv.data(), envp.data()), 0);
    posix_spawn_file_actions_destroy(&actions);
    return pid;
  }
  Outcome finish(pid_t pid) {
    int status = 0;
    EXPECT_EQ(::waitpid(pid, &status, 0), pid);
    server_.meet();
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return {code, read("out"), read("err")};
  }
  Outcome run(std::vector<std::string> words) { return finish(start(std::move(words))); }

  std::string read(const char* name) {
    std::stringstream text;
    text << std::ifstream(files_ / name).rdbuf();
    return text.str();
  }

  server::TempDir files_;
  ::testing::StrictMock<server::MockBackend> backend_;
  server::TestServer server_{server::native_routes(backend_)};
  std::string host_ = "unix://" + server_.socket().native();

private:
  std::vector<std::string> environment() {
    std::vector<std::string> env = {"EBPFNET_HOST=" + host_, "FROM_HERE=here"};
    for (const char* name : {"PATH", "ASAN_OPTIONS", "LLVM_PROFILE_FILE"}) {
      if (const char* value = std::getenv(name)) {
        env.push_back(std::string(name) + "=" + value);
      }
    }
    return env;
  }
};

} // namespace ebpfnet::cli
