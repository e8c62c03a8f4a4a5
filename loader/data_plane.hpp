// The data plane of one daemon: loads the programs, pins their maps, attaches programs to
// interfaces and takes them off. Maps and links are pinned under BPFFS/v<schema>; they live without
// the daemon. Opening it again finds the maps, loads the programs that this build carries and puts
// them, link by link and without a gap, in the place of the old ones.
#pragma once

#include <filesystem>
#include <map>
#include <mutex>
#include <string>

#include "loader/feature.hpp"
#include "loader/program_table.hpp"
#include "maps/view/catalogue.hpp"

namespace ebpfnet::loader {

class DataPlane {
public:
  struct Options {
    std::filesystem::path bpffs; // a directory on a bpf file system
    ebn_config config;
  };

  // Errors: not on a bpf file system (with the cure), a missing kernel feature, pins of another
  // schema version, what the verifier said. Nothing is attached before the first attach call.
  static Result<std::unique_ptr<DataPlane>> open(const Options& options);

  // Both programs of a host veth. Attaching again replaces.
  Result<void> attach_container(IfIndex veth);
  Result<void> detach_container(IfIndex veth);
  // Both programs of an uplink; `ethernet`: the device has Ethernet headers.
  Result<void> attach_uplink(IfIndex device, bool ethernet);
  Result<void> detach_uplink(IfIndex device);
  // The program on lo of a sandbox. Must be called in the sandbox's network namespace; `key` names
  // the pin.
  Result<void> attach_loopback(const std::string& key);
  Result<void> detach_loopback(const std::string& key);

  // Holds published ports against processes of the host in this cgroup2 directory and below:
  // bind(2) gives them EADDRINUSE. Attaching again replaces. Errors: unsupported without
  // bpf_set_retval; not a cgroup2 directory.
  Result<void> attach_bind_hold(const std::filesystem::path& cgroup);
  Result<void> detach_bind_hold();

  // Keys of the pinned links of a program ("lo" pins carry the key, others the interface index):
  // for sweeping.
  Result<std::vector<std::string>> pinned(std::string_view program) const;

  // The loaded program of that name, for devices with an Ethernet header: to run it on a given
  // packet or to ask the kernel about it. The data plane keeps the descriptor.
  Result<int> program_fd(std::string_view name) { return program(name, true); }

  view::Maps& maps() { return *maps_; }
  const Features& features() const { return features_; }

  // Removes every pin below `bpffs`, of every schema version: the data plane ends with the last
  // reference.
  static Result<void> purge(const std::filesystem::path& bpffs);

private:
  struct Loaded {
    BpfObject object;
    int program = -1;
  };

  Result<int> program(std::string_view name, bool ethernet);
  Result<void> attach(std::string_view name, bool ethernet, IfIndex device, const std::string& key);
  Result<void> detach(std::string_view name, IfIndex device, const std::string& key);
  Result<void> attach_cgroup(std::string_view name, int type, int directory);
  std::filesystem::path link_pin(std::string_view name, const std::string& key) const;

  Options options_;
  std::filesystem::path root_; // BPFFS/v<schema>
  Features features_;
  std::unique_ptr<view::Maps> maps_;
  std::mutex mutex_;                     // guards loaded_
  std::map<std::string, Loaded> loaded_; // "name" or "name/l3"
};

} // namespace ebpfnet::loader
