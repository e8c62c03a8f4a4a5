// The pure parts of the supervisor: capability and user texts, checks of a request, its JSON form,
// environment.
#include "daemon/shim/spec.hpp"

#include <gtest/gtest.h>
#include <sys/capability.h>

#include "daemon/shim/capabilities.hpp"
#include "daemon/shim/command.hpp"
#include "daemon/shim/user.hpp"

namespace ebpfnet::shim {
namespace {

constexpr CapabilityMask kDockerDefault = 0xa80425fb; // CapBnd of a container of Docker

LaunchSpec valid() {
  LaunchSpec spec;
  spec.id = "0123";
  spec.process.command = {"true"};
  return spec;
}

TEST(Capabilities, DefaultIsDockersFourteen) {
  EXPECT_EQ(*capability_set({}, false), kDockerDefault);
}

TEST(Capabilities, NamesComeInAnyCaseWithOrWithoutPrefix) {
  const CapabilityMask expected = kDockerDefault | CapabilityMask{1} << CAP_NET_ADMIN;
  for (const char* name : {"NET_ADMIN", "CAP_NET_ADMIN", "net_admin", "cap_Net_Admin"}) {
    EXPECT_EQ(capability_set({name}, false).value_or(0), expected) << name;
  }
}

TEST(Capabilities, AllAndPrivilegedAreTheSame) {
  EXPECT_EQ(*capability_set({"all"}, false), *capability_set({}, true));
  EXPECT_NE(*capability_set({"ALL"}, false) & CapabilityMask{1} << CAP_SYS_ADMIN, 0U);
}

TEST(Capabilities, UnknownNameIsRefusedByName) {
  for (const char* name : {"FLY", "", "CAP_", "NET_ADMIN ", "4095"}) {
    const auto result = capability_set({name}, false);
    ASSERT_FALSE(result) << name;
    EXPECT_EQ(result.error().code, ErrorCode::invalid);
    EXPECT_NE(result.error().message.find(fmt::format("'{}'", name)), std::string::npos);
  }
}

TEST(User, SplitsNameAndGroup) {
  EXPECT_EQ(UserSpec::from("")->user, "");
  EXPECT_EQ(UserSpec::from("bob")->user, "bob");
  EXPECT_EQ(UserSpec::from("1000:100")->group, "100");
  EXPECT_EQ(UserSpec::from(":100")->user, "");
}

TEST(User, RefusesWhatIsNeitherNameNorPair) {
  for (const char* text : {"a:", ":", "a:b:c"}) {
    EXPECT_FALSE(UserSpec::from(text)) << text;
  }
  EXPECT_FALSE(UserSpec::from(std::string_view("a\0b", 3)));
}

TEST(User, NumericIdNeedsNoEntry) {
  const auto identity = resolve_user({"54321", "12345"});
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->uid, 54321U);
  EXPECT_EQ(identity->gid, 12345U);
  EXPECT_EQ(identity->home, "/");
}

TEST(User, UnknownNamesAreErrorsThatNameThem) {
  EXPECT_EQ(resolve_user({"no-such-user", ""}).error().message,
            "user 'no-such-user' does not exist");
  EXPECT_EQ(resolve_user({"", "no-such-group"}).error().message,
            "group 'no-such-group' does not exist");
  EXPECT_FALSE(
      resolve_user({"4294967295", ""})); // beyond Docker's limit; -1 would mean "unchanged"
}

TEST(Spec, RoundTripsThroughJson) {
  ShimSpec spec;
  spec.launch = valid();
  spec.launch.run_dir = "/run/a b";
  spec.launch.netns_path = "/run/netns/x";
  spec.launch.hosts = "/run/hosts";
  spec.launch.hide_resolvers = true;
  spec.launch.extra_env = {"A=b"};
  spec.launch.process = {{"echo", "\"ä\n"}, {"X=1"}, "u:g", "/tmp", {"ALL"}, true, true, true};
  spec.mode = Mode::exec;
  spec.socket_name = "exec-1.sock";
  spec.netns_fd = 5;
  spec.target_fd = 6;
  const auto text = to_json(spec);
  ASSERT_TRUE(text);
  const auto back = spec_from_json(*text);
  ASSERT_TRUE(back) << back.error().story();
  EXPECT_EQ(*to_json(*back), *text);
  EXPECT_EQ(back->launch.process.command, spec.launch.process.command);
  EXPECT_EQ(back->launch.run_dir, spec.launch.run_dir);
  EXPECT_EQ(back->mode, Mode::exec);
  EXPECT_EQ(back->target_fd, 6);
}

TEST(Spec, RefusesBytesThatAreNotUtf8) {
  ShimSpec spec;
  spec.launch = valid();
  spec.launch.process.command.push_back("\xff");
  EXPECT_EQ(to_json(spec).error().code, ErrorCode::invalid);
}

TEST(Spec, RefusesDamagedOrders) {
  const std::string good = *to_json(ShimSpec{valid(), Mode::run, "", -1, -1});
  EXPECT_TRUE(spec_from_json(good));
  for (const std::string& text :
       {std::string(), std::string("{}"), std::string("[1]"), good.substr(0, good.size() / 2)}) {
    EXPECT_FALSE(spec_from_json(text)) << text;
  }
}

TEST(Spec, CheckRefusesByName) {
  const auto refused = [](auto&& change) {
    LaunchSpec spec = valid();
    change(spec);
    const auto result = check(spec);
    return result ? std::string("accepted") : result.error().message;
  };
  EXPECT_TRUE(check(valid()));
  EXPECT_EQ(refused([](auto& s) { s.process.command.clear(); }), "no command was given");
  EXPECT_EQ(refused([](auto& s) { s.process.command = {""}; }), "no command was given");
  EXPECT_EQ(refused([](auto& s) { s.process.env = {"NOVALUE"}; }),
            "environment variable 'NOVALUE': NAME=VALUE expected");
  EXPECT_EQ(refused([](auto& s) { s.process.workdir = "tmp"; }),
            "working directory 'tmp' is not an absolute path");
  EXPECT_NE(refused([](auto& s) { s.process.command.push_back(std::string("a\0b", 3)); }),
            "accepted");
  EXPECT_NE(refused([](auto& s) { s.process.cap_add = {"X"}; }), "accepted");
  EXPECT_NE(refused([](auto& s) { s.hostname = std::string(65, 'h'); }), "accepted");
}

TEST(Environment, LaterValuesWinAndDefaultsFillIn) {
  LaunchSpec spec = valid();
  spec.extra_env = {"A=1", "PATH=/extra"};
  spec.process.env = {"A=2", "HOSTNAME=mine", "AB=3"};
  const std::vector<std::string> expected{"PATH=/extra", "HOSTNAME=mine", "HOME=/root", "A=2",
                                          "AB=3"};
  EXPECT_EQ(build_environment(spec, "/root", "box"), expected);
}

TEST(Environment, TermIsSetForATerminalOnly) {
  LaunchSpec spec = valid();
  EXPECT_EQ(build_environment(spec, "/", "h").size(), 3U);
  spec.process.tty = true;
  EXPECT_EQ(build_environment(spec, "/", "h").back(), "TERM=xterm");
}

TEST(ErrorCodec, CarriesCodeErrnoMessageAndHint) {
  const Error back =
      decode_error(encode_error(Error{ErrorCode::no_command, ENOENT, "message", "hint"}));
  EXPECT_EQ(back.code, ErrorCode::no_command);
  EXPECT_EQ(back.sys_errno, ENOENT);
  EXPECT_EQ(back.story(), "message (hint: hint)");
}

} // namespace
} // namespace ebpfnet::shim
