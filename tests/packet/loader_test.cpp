// The loader: the verifier's budget, attaching beside others, replacement, schema versions, and the
// hold on published ports.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <netinet/in.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <fstream>
#include <thread>

#include "daemon/netlink/link.hpp"
#include "loader/link.hpp"
#include "loader/schema.hpp"
#include "loader/tc_attach.hpp"
#include "tests/packet/live.hpp"
#include "tests/packet/packets.hpp"

namespace ebpfnet::packet {
namespace {

using loader::Hook;

class Loader : public LivePacketTest {};

bpf_prog_info info_of(int program) {
  bpf_prog_info info{};
  __u32 length = sizeof info;
  EXPECT_EQ(::bpf_obj_get_info_by_fd(program, &info, &length), 0) << std::strerror(errno);
  return info;
}

TEST_F(Loader, KeepsEveryProgramFarBelowTheVerifiersLimit) {
  constexpr __u32 kBudget = 300000;
  for (const loader::ProgramRow& row : loader::program_table()) {
    const auto program = world().plane().program_fd(row.name);
    ASSERT_TRUE(succeeded(program));
    const __u32 count = info_of(*program).verified_insns;
    std::printf("  %-20s %6u instructions verified\n", std::string(row.name).c_str(), count);
    EXPECT_LT(count, kBudget) << row.name;
  }
}

TEST_F(Loader, FindsItsMapsAgainAndPutsNewProgramsInThePlaceOfTheOld) {
  const IfIndex veth(world().at(kCatWeb).veth());
  ASSERT_TRUE(succeeded(world().plane().attach_container(veth)));
  auto second = loader::DataPlane::open({world().bpffs(), world().config()});
  ASSERT_TRUE(succeeded(second));
  const auto endpoint = (*second)->maps().endpoints.get(kCatWeb).value();
  ASSERT_TRUE(endpoint.has_value());
  EXPECT_EQ(endpoint->network, kCat);
  EXPECT_TRUE(world().plane().serves_container(veth).value());
  EXPECT_FALSE((*second)->serves_container(veth).value()) << "its programs are not there yet";
  EXPECT_TRUE(succeeded((*second)->attach_container(veth)));
  EXPECT_TRUE((*second)->serves_container(veth).value());
  EXPECT_FALSE(world().plane().serves_container(veth).value());
}

TEST_F(Loader, AFilterTakesThePlaceOfTheLinkOfAnEarlierBuild) {
  if (!world().plane().features().tcx) {
    GTEST_SKIP() << "this kernel has no tcx links (6.6)";
  }
  const IfIndex known(world().at(kCatWeb).veth());
  const IfIndex forgotten(world().at(kCatDb).veth());
  const auto pins = world().pins() / "links" / "tc_from_container";
  std::filesystem::create_directories(pins);
  const int program = world().plane().program_fd("tc_from_container").value();
  for (const IfIndex veth : {known, forgotten}) {
    ASSERT_TRUE(succeeded(
        loader::attach_tcx(program, veth, Hook::tc_ingress, pins / std::to_string(veth.value))));
  }
  auto second = loader::DataPlane::open({world().bpffs(), world().config()});
  ASSERT_TRUE(succeeded(second));
  EXPECT_TRUE(succeeded((*second)->attach_container(known)));
  EXPECT_FALSE(std::filesystem::exists(pins / std::to_string(known.value)));
  EXPECT_TRUE(std::filesystem::exists(pins / std::to_string(forgotten.value)));
  EXPECT_TRUE(succeeded((*second)->end_former_links()));
  EXPECT_TRUE(std::filesystem::is_empty(pins));
}

TEST_F(Loader, SaysWhichInterfaceIsMissing) {
  const auto attached = world().plane().attach_container(IfIndex(424242));
  ASSERT_FALSE(attached);
  EXPECT_NE(attached.error().story().find("424242"), std::string::npos);
}

TEST_F(Loader, RefusesADirectoryThatIsNoBpfFileSystemWithTheCure) {
  const auto opened = loader::DataPlane::open({world().directory() / "plain", world().config()});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::unsupported);
  EXPECT_NE(opened.error().hint.find("mount -t bpf"), std::string::npos);
}

// Beside others. A foreign program that passes everything on, on the same hook of the same device.
class BesideOthers : public LivePacketTest {
protected:
  void SetUp() override {
    LivePacketTest::SetUp();
    if (IsSkipped()) {
      return;
    }
    const bpf_insn pass[] = {
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = -1},
        {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0}};
    foreign_.reset(::bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "foreign", "GPL", pass, 2, nullptr));
    ASSERT_TRUE(foreign_) << std::strerror(errno);
    statistics_.reset(::bpf_enable_stats(BPF_STATS_RUN_TIME));
    ASSERT_TRUE(statistics_) << std::strerror(errno);
    ours_ = world().plane().program_fd("tc_from_container").value();
  }
  // Sends a frame that is passed on to the bridge, and tells how often each program ran since.
  void expect_runs(std::uint64_t ours, std::uint64_t foreign) {
    const std::uint64_t ours_before = info_of(ours_).run_cnt;
    const std::uint64_t foreign_before = info_of(foreign_.get()).run_cnt;
    Wire wire(world().sandbox_netns(kCatWeb));
    wire.send(ethernet(broadcast(), world().at(kCatWeb).mac, 0x88cc, Bytes(46, 1)));
    std::uint64_t ours_ran = 0;
    std::uint64_t foreign_ran = 0;
    // The frame may still be on its way when it is sent.
    for (int i = 0; i < 500 && (ours_ran < ours || foreign_ran < foreign); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      ours_ran = info_of(ours_).run_cnt - ours_before;
      foreign_ran = info_of(foreign_.get()).run_cnt - foreign_before;
    }
    EXPECT_EQ(ours_ran, ours);
    EXPECT_EQ(foreign_ran, foreign);
  }
  IfIndex veth() { return IfIndex(world().at(kCatWeb).veth()); }

  UniqueFd foreign_;
  UniqueFd statistics_;
  int ours_ = -1;
};

TEST_F(BesideOthers, AClsactFilterRunsGoesOnAndStaysWhenOursLeaves) {
  ASSERT_TRUE(succeeded(loader::ensure_clsact(veth())));
  ASSERT_TRUE(succeeded(loader::ensure_clsact(veth())));
  ASSERT_TRUE(succeeded(loader::attach_clsact(ours_, veth(), Hook::tc_ingress)));
  LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = static_cast<int>(veth().value),
              .attach_point = BPF_TC_INGRESS);
  LIBBPF_OPTS(bpf_tc_opts, filter, .prog_fd = foreign_.get());
  filter.handle = 1;
  filter.priority = 0xeb02;
  ASSERT_EQ(::bpf_tc_attach(&hook, &filter), 0);
  expect_runs(1, 1);
  ASSERT_TRUE(succeeded(loader::attach_clsact(ours_, veth(), Hook::tc_ingress))); // replaces
  expect_runs(1, 1);
  ASSERT_TRUE(succeeded(loader::detach_clsact(veth(), Hook::tc_ingress)));
  expect_runs(0, 1);
  EXPECT_TRUE(succeeded(loader::detach_clsact(veth(), Hook::tc_ingress)));
  EXPECT_TRUE(succeeded(loader::detach_clsact(IfIndex(424242), Hook::tc_ingress)));
  filter.prog_fd = 0;
  filter.flags = 0;
  filter.prog_id = 0;
  EXPECT_EQ(::bpf_tc_detach(&hook, &filter), 0);
}

TEST_F(BesideOthers, ATcxLinkRunsGoesOnAndStaysWhenOursLeaves) {
  if (!world().plane().features().tcx) {
    GTEST_SKIP() << "this kernel has no tcx links (6.6)";
  }
  const auto pin = world().bpffs() / "beside";
  ASSERT_TRUE(succeeded(loader::attach_tcx(ours_, veth(), Hook::tc_ingress, pin)));
  const UniqueFd link(::bpf_link_create(foreign_.get(), static_cast<int>(veth().value),
                                        static_cast<bpf_attach_type>(loader::kTcxIngress),
                                        nullptr));
  ASSERT_TRUE(link) << std::strerror(errno);
  expect_runs(1, 1);
  ASSERT_TRUE(succeeded(loader::attach_tcx(ours_, veth(), Hook::tc_ingress, pin))); // replaces
  expect_runs(1, 1);
  ASSERT_TRUE(succeeded(loader::detach_link(pin)));
  expect_runs(0, 1);
}

// Schema versions

class Schema : public PacketTest {
protected:
  void SetUp() override {
    PacketTest::SetUp();
    if (!IsSkipped()) {
      root_ = world().directory() / "schema";
      std::filesystem::remove_all(root_);
      std::filesystem::create_directory(root_);
    }
  }
  std::filesystem::path root_;
};

Result<void> copy_nothing(const std::filesystem::path&, view::Maps&) {
  return {};
}

TEST_F(Schema, BeginsAndGoesOnWithItsOwnVersion) {
  for (int n = 0; n < 2; ++n) {
    const auto schema = loader::prepare_schema(root_, 3, {});
    ASSERT_TRUE(succeeded(schema));
    EXPECT_EQ(schema->root, root_ / "v3");
    EXPECT_EQ(schema->old, nullptr);
  }
}

TEST_F(Schema, RefusesANewerVersion) {
  std::filesystem::create_directory(root_ / "v4");
  const auto prepared = loader::prepare_schema(root_, 3, {});
  ASSERT_FALSE(prepared);
  EXPECT_EQ(prepared.error().code, ErrorCode::unsupported);
  EXPECT_NE(prepared.error().message.find("schema version 4"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(root_ / "v3"));
}

TEST_F(Schema, RefusesAnOlderVersionThatNoRowKnows) {
  std::filesystem::create_directory(root_ / "v1");
  const loader::OldLayout only_the_second[] = {{2, {}, copy_nothing}};
  const auto prepared = loader::prepare_schema(root_, 3, only_the_second);
  ASSERT_FALSE(prepared);
  EXPECT_NE(prepared.error().message.find("version 1"), std::string::npos);
  EXPECT_FALSE(prepared.error().hint.empty());
  EXPECT_FALSE(std::filesystem::exists(root_ / "v3"));
}

TEST_F(Schema, TakesAnOlderVersionOverAndGoesOnAfterDyingInTheMiddle) {
  // Maps and links of another data plane stand for those of the old version.
  const auto bpffs = world().bpffs() / "old";
  const auto old = bpffs / "v2";
  std::filesystem::create_directories(old / "maps");
  std::filesystem::create_directories(old / "links" / "some_program");
  for (const char* map : {"endpoints", "flows"}) {
    const UniqueFd fd(::bpf_obj_get((world().pins() / "maps" / map).c_str()));
    ASSERT_EQ(::bpf_obj_pin(fd.get(), (old / "maps" / map).c_str()), 0);
  }
  static constexpr std::string_view kChanged[] = {"flows"};
  const loader::OldLayout rows[] = {{2, kChanged, copy_nothing}};
  for (int n = 0; n < 3; ++n) {
    const auto schema = loader::prepare_schema(bpffs, 3, rows);
    ASSERT_TRUE(succeeded(schema));
    EXPECT_EQ(schema->old, rows);
    EXPECT_TRUE(std::filesystem::exists(bpffs / "v3" / "links" / "some_program"));
    EXPECT_TRUE(std::filesystem::exists(bpffs / "v3" / "maps" / "endpoints"));
    EXPECT_FALSE(std::filesystem::exists(bpffs / "v3" / "maps" / "flows"));
    EXPECT_TRUE(std::filesystem::exists(old / "maps" / "flows"));
    if (n == 2) {
      EXPECT_TRUE(succeeded(loader::finish_schema(*schema)));
    }
  }
  EXPECT_FALSE(std::filesystem::exists(old));
  std::filesystem::remove_all(bpffs);
}

// The hold on published ports

class BindHold : public LivePacketTest {
protected:
  static void SetUpTestSuite() {
    if (::geteuid() != 0) {
      return;
    }
    LivePacketTest::SetUpTestSuite();
    const auto path = world().directory() / "cgroup2";
    std::filesystem::create_directory(path);
    if (::mount("none", path.c_str(), "cgroup2", 0, nullptr) != 0) {
      return;
    }
    cgroup_ = path / fmt::format("ebn-packet-{}", ::getpid());
    std::filesystem::create_directory(cgroup_);
    ebn_config config = world().config();
    const UniqueFd netns(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    config.netns_cookie = netlink::netns_cookie(netns.get()).value();
    plane_ = loader::DataPlane::open({world().bpffs(), config}).value();
  }
  static void TearDownTestSuite() {
    plane_.reset();
    if (!cgroup_.empty()) {
      ::rmdir(cgroup_.c_str());
    }
    LivePacketTest::TearDownTestSuite();
  }
  void SetUp() override {
    LivePacketTest::SetUp();
    if (!IsSkipped() && !plane_->features().set_retval) {
      GTEST_SKIP() << "this kernel has no bpf_set_retval (5.18)";
    }
    if (!IsSkipped()) {
      ASSERT_FALSE(cgroup_.empty()) << "cgroup2 cannot be mounted";
      ASSERT_TRUE(succeeded(plane_->attach_cgroup(cgroup_)));
    }
  }
  void TearDown() override {
    if (plane_) {
      EXPECT_TRUE(succeeded(plane_->detach_cgroup()));
    }
  }
  // errno of bind(2) by a process in the cgroup, in this network namespace or in `netns`; 0: bound.
  int bind_error(int type, const char* address, std::uint16_t port, int netns = -1) {
    const pid_t child = ::fork();
    if (child == 0) {
      std::ofstream(cgroup_ / "cgroup.procs") << ::getpid() << std::flush;
      ::_exit(bind_here(type, ip(address), port, netns));
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return WEXITSTATUS(status);
  }
  static int bind_here(int type, const IpAddress& address, std::uint16_t port, int netns) {
    if (netns >= 0 && ::setns(netns, CLONE_NEWNET) != 0) {
      return 250;
    }
    const UniqueFd socket(::socket(address.is_v4() ? AF_INET : AF_INET6, type, 0));
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    v4.sin_addr.s_addr = address.is_v4() ? htonl(address.v4()) : 0;
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    std::memcpy(&v6.sin6_addr, address.bytes().data(), 16);
    const int done = address.is_v4()
                         ? ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&v4), sizeof v4)
                         : ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&v6), sizeof v6);
    return done == 0 ? 0 : errno;
  }

  static inline std::filesystem::path cgroup_;
  static inline std::unique_ptr<loader::DataPlane> plane_;
};

TEST_F(BindHold, TellsHostProcessesThatAPublishedPortIsInUse) {
  EXPECT_EQ(bind_error(SOCK_STREAM, "0.0.0.0", 8000), 0);
  world().publish(kTcp, 8000, 8010, {}, kCatWeb, 5000);
  for (const char* address : {"0.0.0.0", "127.0.0.1", "192.0.2.10", "::"}) {
    EXPECT_EQ(bind_error(SOCK_STREAM, address, 8000), EADDRINUSE) << address;
  }
  EXPECT_EQ(bind_error(SOCK_STREAM, "0.0.0.0", 8010), EADDRINUSE);
  EXPECT_EQ(bind_error(SOCK_STREAM, "0.0.0.0", 8011), 0);
  EXPECT_EQ(bind_error(SOCK_DGRAM, "0.0.0.0", 8000), 0);
  EXPECT_EQ(bind_error(SOCK_STREAM, "0.0.0.0", 0), 0);
  world().maps().port_index.set(kTcp, 8000, 8010, 0);
  EXPECT_EQ(bind_error(SOCK_STREAM, "0.0.0.0", 8000), 0);
}

TEST_F(BindHold, HoldsAPortOfOneAddressOnThatAndTheWildcard) {
  world().publish(kUdp, 53, 53, world().host(), kCatWeb, 53);
  EXPECT_EQ(bind_error(SOCK_DGRAM, "192.0.2.10", 53), EADDRINUSE);
  EXPECT_EQ(bind_error(SOCK_DGRAM, "0.0.0.0", 53), EADDRINUSE);
  EXPECT_EQ(bind_error(SOCK_DGRAM, "127.0.0.1", 53), 0);
}

TEST_F(BindHold, LeavesSandboxesAlone) {
  world().publish(kTcp, 8000, 8000, {}, kCatWeb, 5000);
  EXPECT_EQ(bind_error(SOCK_STREAM, "0.0.0.0", 8000, world().sandbox_netns(kCatWeb)), 0);
}

TEST_F(BindHold, RefusesWhatIsNoCgroup) {
  EXPECT_FALSE(plane_->attach_cgroup(world().directory()));
  EXPECT_FALSE(plane_->attach_cgroup(world().directory() / "nothing"));
}

} // namespace
} // namespace ebpfnet::packet
