// The data plane of one daemon: loads the programs, pins their maps, attaches programs to
// interfaces and takes them off. Maps and links are pinned under BPFFS/v<schema>; they live without
// the daemon. Opening it again finds the maps, loads the programs that this build carries and puts
// them, link by link and without a gap, in the place of the old ones.
#pragma once

#include <filesystem>
#include <map>
#include <mutex>
#include <set>
#include <string>

#include "loader/feature.hpp"
#include "loader/program_table.hpp"
#include "loader/schema.hpp"
#include "maps/view/catalogue.hpp"

namespace ebpfnet::loader {

class DataPlane {
public:
  struct Options {
    std::filesystem::path bpffs; // a directory on a bpf file system
    ebn_config config;
    bool tcx = true; // false: clsact filters even where the kernel has tcx links
  };

  // Errors: not on a bpf file system (with the cure), a missing kernel feature, pins of another
  // schema version, what the verifier said. Nothing is attached before the first attach call.
  static Result<std::unique_ptr<DataPlane>> open(const Options& options);

  // Both programs of a host veth, as filters on every kernel: why is said at tc_attach.hpp. They
  // end with the device. Attaching again replaces.
  Result<void> attach_container(IfIndex veth);
  // Whether both are there, and are those that this build carries.
  Result<bool> serves_container(IfIndex veth);
  // Both programs of an uplink; `ethernet`: the device has Ethernet headers.
  Result<void> attach_uplink(IfIndex device, bool ethernet);
  Result<void> detach_uplink(IfIndex device);
  Result<bool> serves_uplink(IfIndex device);
  // The program on lo of a sandbox, as a filter. Both must be called in the sandbox's network
  // namespace.
  Result<void> attach_loopback(const std::string& sandbox_id);
  static Result<void> detach_loopback();
  // After an older layout of the maps was taken over, when no program of it is attached any more:
  // copies what began meanwhile and ends the old maps. Otherwise does nothing.
  Result<void> finish_takeover();
  Result<bool> serves_loopback();
  // Earlier builds had links on the devices of sandboxes. Each goes as soon as a filter does its
  // work; this ends those whose devices nobody knows any more.
  Result<void> end_former_links();

  // For processes of the host in this cgroup2 directory and below: bind(2) of a published port
  // gives EADDRINUSE, and connect(2) and sendmsg(2) to one on an address of the host reach its
  // endpoint. Attaching again replaces. Errors: unsupported without bpf_set_retval; not a cgroup2
  // directory.
  Result<void> attach_cgroup(const std::filesystem::path& cgroup);
  Result<void> detach_cgroup();

  // Keys of the pinned links of a program (the interface index, but for cgroups): for sweeping.
  Result<std::vector<std::string>> pinned(std::string_view program) const;

  // Pins of maps and of programs at the cgroup that somebody took away. What they held goes on
  // working for this daemon; the next one would not find it.
  Result<std::vector<std::filesystem::path>> missing_pins();

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
  // Sets going the timer by which flows end; see bpf/lib/expiry.bpf.h.
  Result<void> start_clock();
  Result<void> copy_old_maps();
  Result<void> attach(std::string_view name, bool ethernet, IfIndex device, const std::string& key);
  Result<void> detach(std::string_view name, IfIndex device, const std::string& key);
  Result<void> attach_filter(std::string_view name, IfIndex device, const std::string& former_key);
  Result<bool> has_filter(std::string_view name, IfIndex device);
  Result<bool> is_loaded(std::string_view name, std::uint32_t id);
  Result<void> attach_to_cgroup(const ProgramRow& row, int directory);
  std::filesystem::path link_pin(std::string_view name, const std::string& key) const;

  Options options_;
  Schema schema_;
  Features features_;
  std::unique_ptr<view::Maps> maps_;
  bool was_clsact_ = false;              // an earlier start attached filters to uplinks
  std::mutex mutex_;                     // guards what follows
  std::map<std::string, Loaded> loaded_; // "name" or "name/l3"
  std::set<std::filesystem::path> former_links_;
};

} // namespace ebpfnet::loader
