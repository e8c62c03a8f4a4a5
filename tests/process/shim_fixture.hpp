// One sandbox without a daemon: directories, a cgroup and files of its own, ended and removed after
// each test.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <thread>

#include "daemon/shim/attach.hpp"
#include "daemon/shim/launcher.hpp"

namespace ebpfnet::shim {

inline std::string cgroup2_root() {
  std::ifstream mounts("/proc/self/mounts");
  for (std::string device, path, type, rest;
       mounts >> device >> path >> type && std::getline(mounts, rest);) {
    if (type == "cgroup2") {
      return path;
    }
  }
  return {};
}

inline std::string slurp(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

inline bool eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 1000; ++i) {
    if (condition()) {
      return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

class ShimTest : public testing::Test {
protected:
  void SetUp() override {
    if (::geteuid() != 0 || cgroup2_root().empty()) {
      GTEST_SKIP() << "needs root and a cgroup2 mount";
    }
    std::string name = "/tmp/ebn-shim-XXXXXX";
    dir_ = ::mkdtemp(name.data());
    cgroup_parent_ = std::filesystem::path(cgroup2_root()) / dir_.filename();
  }
  void TearDown() override {
    if (!dir_.empty()) {
      EXPECT_TRUE(kill_cgroup(cgroup_parent_));
      std::filesystem::remove_all(dir_);
    }
  }

  LaunchSpec spec(std::vector<std::string> command, const std::string& id = "box") {
    LaunchSpec made;
    made.id = id;
    made.shim_binary = EBN_SHIM;
    made.run_dir = dir_ / "run" / id;
    made.state_dir = dir_ / "state" / id;
    std::filesystem::create_directories(made.run_dir);
    std::filesystem::create_directories(made.state_dir);
    made.cgroup_dir = cgroup_parent_ / id;
    made.process.command = std::move(command);
    return made;
  }
  LaunchSpec shell(const std::string& script, const std::string& id = "box") {
    return spec({"sh", "-c", script}, id);
  }

  ProcessState state(const LaunchSpec& s) {
    auto read = read_state(s.run_dir, s.state_dir);
    EXPECT_TRUE(read) << read.error().story();
    return read.value_or(ProcessState{});
  }
  int exit_code(const LaunchSpec& s) {
    EXPECT_TRUE(eventually([&] { return state(s).exit_code.has_value(); }));
    return state(s).exit_code.value_or(-1);
  }
  // Runs to the end; the exit code, or -1 with a failed expectation.
  int run(const LaunchSpec& s) {
    const auto launched = launch(s);
    EXPECT_TRUE(launched) << launched.error().story();
    return launched ? exit_code(s) : -1;
  }
  std::string output(const LaunchSpec& s) {
    run(s);
    return log(s);
  }
  std::string log(const LaunchSpec& s) { return slurp(s.state_dir / "log"); }
  std::filesystem::path file(const std::string& name, const std::string& text) {
    std::ofstream(dir_ / name) << text;
    return dir_ / name;
  }
  void expect_nothing_left(const LaunchSpec& s) {
    EXPECT_TRUE(eventually([&] { return !std::filesystem::exists(s.cgroup_dir); }));
    EXPECT_TRUE(eventually([&] { return std::filesystem::is_empty(s.run_dir); }));
  }

  std::filesystem::path dir_, cgroup_parent_;
};

} // namespace ebpfnet::shim
