// Detached commands: exit codes, what they see and may do, what is left when they or others die.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <csignal>

#include "daemon/shim/mounts.hpp"
#include "tests/process/shim_fixture.hpp"

namespace ebpfnet::shim {
namespace {

class Shim : public ShimTest {};

TEST_F(Shim, RunsTrueAndRecordsZero) {
  const LaunchSpec s = spec({"true"});
  EXPECT_EQ(run(s), 0);
  EXPECT_FALSE(state(s).finished_at.empty());
  expect_nothing_left(s);
}

TEST_F(Shim, RecordsExitCodesAndSignals) {
  EXPECT_EQ(run(shell("exit 42", "a")), 42);
  EXPECT_EQ(run(shell("kill -TERM $$", "b")), 128 + SIGTERM);
}

TEST_F(Shim, CommandsThatCannotStartFailTheLaunchAndLeaveNothing) {
  struct Case {
    std::string command;
    ErrorCode code;
  };
  std::ofstream(dir_ / "bad-interpreter") << "#!/no/such/interpreter\n";
  std::filesystem::permissions(dir_ / "bad-interpreter", std::filesystem::perms::owner_all);
  for (const Case& c : {Case{"no-such-command-ebn", ErrorCode::no_command},
                        {"/no/such/file", ErrorCode::no_command},
                        {"/etc/passwd", ErrorCode::not_executable},
                        {"/tmp", ErrorCode::not_executable},
                        {dir_ / "bad-interpreter", ErrorCode::not_executable}}) {
    const LaunchSpec s = spec({c.command});
    const auto launched = launch(s);
    ASSERT_FALSE(launched) << c.command;
    EXPECT_EQ(launched.error().code, c.code) << launched.error().story();
    EXPECT_NE(launched.error().message.find(c.command), std::string::npos);
    EXPECT_FALSE(std::filesystem::exists(s.cgroup_dir));
    EXPECT_TRUE(std::filesystem::is_empty(s.run_dir));
    EXPECT_FALSE(state(s).exit_code);
  }
}

TEST_F(Shim, OtherFailuresTellTheirStory) {
  const auto story = [this](auto&& change) {
    LaunchSpec s = spec({"true"});
    change(s);
    const auto launched = launch(s);
    EXPECT_FALSE(std::filesystem::exists(s.cgroup_dir));
    return launched ? std::string("started") : launched.error().message;
  };
  EXPECT_EQ(story([](auto& s) { s.process.user = "nobody-ebn"; }),
            "run 'true': user 'nobody-ebn' does not exist");
  EXPECT_NE(story([](auto& s) { s.process.workdir = "/no/dir"; }).find("'/no/dir'"),
            std::string::npos);
  EXPECT_NE(story([](auto& s) { s.netns_path = "/no/netns"; }).find("'/no/netns'"),
            std::string::npos);
  EXPECT_NE(story([](auto& s) { s.netns_path = "/dev/null"; }).find("'/dev/null'"),
            std::string::npos);
  EXPECT_NE(story([](auto& s) { s.shim_binary = "/no/shim"; }).find("'/no/shim'"),
            std::string::npos);
  EXPECT_NE(story([](auto& s) { s.cgroup_dir = "/tmp/ebn-no-cgroup"; }).find("cgroup2"),
            std::string::npos);
}

TEST_F(Shim, SeesItsOwnEnvironmentHostnameAndDirectory) {
  LaunchSpec s = shell("echo $A $HOME $HOSTNAME; hostname; pwd; umask");
  s.hostname = "box-name";
  s.process.env = {"A=1"};
  s.process.workdir = "/usr";
  EXPECT_EQ(output(s), "1 /root box-name\nbox-name\n/usr\n0022\n");
}

TEST_F(Shim, SeesItsOwnFilesInEtcAndTheHostKeepsIts) {
  const std::string before = slurp("/etc/resolv.conf") + slurp("/etc/hosts");
  LaunchSpec s = shell("cat /etc/resolv.conf /etc/hosts /etc/hostname; echo x > /etc/ebn-private; "
                       "test -s /etc/passwd");
  s.resolv_conf = file("r", "nameserver 127.0.0.11\n");
  s.hosts = file("h", "192.0.2.1 box\n");
  s.hostname_file = file("n", "box\n");
  s.hide_resolvers = true;
  EXPECT_EQ(run(s), 0);
  EXPECT_EQ(log(s), "nameserver 127.0.0.11\n192.0.2.1 box\nbox\n");
  EXPECT_EQ(slurp("/etc/resolv.conf") + slurp("/etc/hosts"), before);
  EXPECT_FALSE(std::filesystem::exists("/etc/ebn-private"));
}

// Runs `body` in a mount namespace of its own in which /etc is a scratch tmpfs.
int with_private_etc(const std::function<bool()>& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    const bool ready = ::unshare(CLONE_NEWNS) == 0 &&
                       ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                       ::mount("tmpfs", "/etc", "tmpfs", 0, "mode=0755") == 0;
    std::ofstream("/etc/other") << "other\n";
    std::filesystem::create_directory("/etc/folder");
    ::_exit(ready && body() ? 0 : 1);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  return status;
}

TEST_F(Shim, ResolvConfAppearsWhereItIsADanglingSymlinkOrAbsent) {
  for (const bool dangling : {true, false}) {
    for (const EtcCover method : {EtcCover::overlay, EtcCover::mirror}) {
      LaunchSpec s = spec({"true"});
      s.resolv_conf = file("r", "nameserver 127.0.0.11\n");
      EXPECT_EQ(with_private_etc([&] {
                  if (dangling) {
                    std::filesystem::create_symlink("/no/where/resolv.conf", "/etc/resolv.conf");
                  }
                  const auto covered = cover_etc(s, method);
                  if (!covered) {
                    fprintf(stderr, "%s\n", covered.error().story().c_str());
                  }
                  return covered && slurp("/etc/resolv.conf") == "nameserver 127.0.0.11\n" &&
                         slurp("/etc/other") == "other\n" &&
                         std::filesystem::is_directory("/etc/folder");
                }),
                0)
          << "dangling " << dangling << " method " << static_cast<int>(method);
    }
  }
}

// A socket where a name service daemon would have it; nobody listens, so nobody waits for an
// answer.
bool bound_at(const std::string& path) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  return ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

TEST_F(Shim, DoesNotSeeTheSocketsOfNscdAndSystemdResolved) {
  LaunchSpec s = shell("test -S /run/nscd/socket -o -S /run/systemd/resolve/io.systemd.Resolve");
  EXPECT_EQ(with_private_etc([&] {
              const bool ready = ::mount("tmpfs", "/run", "tmpfs", 0, "mode=0755") == 0 &&
                                 bound_at("/run/nscd/socket") &&
                                 bound_at("/run/systemd/resolve/io.systemd.Resolve");
              const int seen = run(s);
              s.hide_resolvers = true;
              return ready && seen == 0 && run(s) == 1;
            }),
            0);
}

TEST_F(Shim, KeepsItsResolvConfWhenTheHostReplacesItsOwn) {
  LaunchSpec s = spec({"true"});
  s.resolv_conf = file("r", "ours\n");
  EXPECT_EQ(with_private_etc([&] {
              std::ofstream("/etc/resolv.conf") << "host\n";
              const int host = ::open("/etc", O_RDONLY | O_DIRECTORY); // the layer below
              if (!cover_etc(s, EtcCover::overlay)) {
                return false;
              }
              ::close(::openat(host, "new", O_CREAT | O_WRONLY, 0644));
              return ::renameat(host, "new", host, "resolv.conf") == 0 &&
                     slurp("/etc/resolv.conf") == "ours\n";
            }),
            0);
}

TEST_F(Shim, SysShowsTheSandboxAndIsReadOnly) {
  LaunchSpec s = shell("ls /sys/class/net; ls /sys/fs/cgroup | wc -l; touch /sys/x 2>&1; "
                       "echo 1 > /proc/sys/net/ipv4/ip_forward");
  s.netns_path = dir_ / "netns";
  const pid_t holder = ::fork();
  if (holder == 0) {
    ::unshare(CLONE_NEWNET);
    ::pause();
  }
  const auto theirs = fmt::format("/proc/{}/ns/net", holder);
  EXPECT_TRUE(eventually([&] {
    return std::filesystem::read_symlink(theirs) !=
           std::filesystem::read_symlink("/proc/self/ns/net");
  }));
  s.netns_path = theirs;
  const std::string text = output(s);
  ::kill(holder, SIGKILL);
  ::waitpid(holder, nullptr, 0);
  EXPECT_TRUE(text.starts_with("lo\n")) << text;
  EXPECT_EQ(text.find("\n0\n"), std::string::npos) << text;
  EXPECT_NE(text.find("Read-only file system"), std::string::npos) << text;
}

TEST_F(Shim, HasDockersCapabilitiesAndNoNewPrivileges) {
  const std::string text = output(spec({"cat", "/proc/self/status"}));
  for (const char* line :
       {"CapInh:\t0000000000000000", "CapPrm:\t00000000a80425fb", "CapEff:\t00000000a80425fb",
        "CapBnd:\t00000000a80425fb", "CapAmb:\t0000000000000000", "NoNewPrivs:\t1"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << "\n" << text;
  }
}

TEST_F(Shim, CapAddAndPrivilegedGiveMore) {
  LaunchSpec s = spec({"cat", "/proc/self/status"}, "add");
  s.process.cap_add = {"net_admin"};
  EXPECT_NE(output(s).find("CapEff:\t00000000a80435fb"), std::string::npos);
  LaunchSpec p = spec({"cat", "/proc/self/status"}, "priv");
  p.process.privileged = true;
  const std::string own = slurp("/proc/self/status");
  const std::string line = own.substr(own.find("CapPrm"), 24);
  EXPECT_NE(output(p).find(line), std::string::npos);
  EXPECT_NE(log(p).find("NoNewPrivs:\t0"), std::string::npos);
}

TEST_F(Shim, AnotherUserHasNoCapabilities) {
  LaunchSpec s = shell("id -u; id -g; id -G; grep CapEff /proc/self/status");
  s.process.user = "12345:23456";
  EXPECT_EQ(output(s), "12345\n23456\n23456\nCapEff:\t0000000000000000\n");
  LaunchSpec named = shell("echo $(id -un) $(id -gn) $HOME", "named");
  named.process.user = "daemon";
  EXPECT_EQ(output(named), "daemon daemon /usr/sbin\n");
}

TEST_F(Shim, AppendsToTheLog) {
  const LaunchSpec s = shell("echo out; echo err >&2; cat");
  run(s);
  run(s);
  EXPECT_EQ(log(s), "out\nerr\nout\nerr\n");
}

TEST_F(Shim, InheritsNoDescriptorsNorSignals) {
  const UniqueFd stray(::open("/dev/zero", O_RDONLY)); // without close-on-exec
  const std::string text =
      output(shell("ls /proc/self/fd | wc -l; grep -E 'Sig(Blk|Ign)' /proc/self/status"));
  EXPECT_EQ(text,
            "4\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n"); // 0, 1, 2 and that of ls
}

TEST_F(Shim, EndsGrandchildrenWithTheCommand) {
  const LaunchSpec s =
      shell("setsid sleep 1000 & setsid sh -c 'sleep 1001 & sleep 1002' & sleep 0.2; exit 3");
  EXPECT_EQ(run(s), 3);
  expect_nothing_left(s);
}

TEST_F(Shim, KillCgroupEndsEverythingAndTheEndIsRecorded) {
  const LaunchSpec s = shell("sleep 1000 & sleep 1000");
  ASSERT_TRUE(launch(s));
  EXPECT_TRUE(state(s).running);
  EXPECT_TRUE(kill_cgroup(s.cgroup_dir));
  EXPECT_EQ(exit_code(s), 137);
  EXPECT_TRUE(kill_cgroup(s.cgroup_dir)); // gone is fine
}

TEST_F(Shim, SignalsReachTheCommand) {
  const LaunchSpec s = shell("trap 'exit 7' USR1; echo up; while :; do sleep 0.01; done");
  ASSERT_TRUE(launch(s));
  EXPECT_TRUE(eventually([&] { return log(s) == "up\n"; }));
  EXPECT_TRUE(signal_process(state(s), SIGUSR1));
  EXPECT_EQ(exit_code(s), 7);
  EXPECT_EQ(signal_process(state(s), SIGTERM).error().code, ErrorCode::conflict);
}

TEST_F(Shim, ASecondLaunchOfARunningSandboxIsRefused) {
  const LaunchSpec s = spec({"sleep", "1000"});
  ASSERT_TRUE(launch(s));
  EXPECT_EQ(launch(s).error().code, ErrorCode::conflict);
  EXPECT_TRUE(state(s).running);
}

TEST_F(Shim, SurvivesItsLauncherAndIsFoundAgain) {
  const LaunchSpec s = shell("sleep 0.5; echo done; exit 5");
  const pid_t launcher = ::fork();
  if (launcher == 0) {
    const bool fine = launch(s).has_value();
    ::kill(::getpid(), fine ? SIGKILL : SIGABRT);
  }
  int status = 0;
  ::waitpid(launcher, &status, 0);
  ASSERT_EQ(WTERMSIG(status), SIGKILL);
  const ProcessState found = state(s);
  EXPECT_TRUE(found.running);
  EXPECT_TRUE(open_pidfd(found.shim_pid));
  EXPECT_EQ(exit_code(s), 5);
  EXPECT_EQ(log(s), "done\n");
}

TEST_F(Shim, AKilledSupervisorTakesItsCommandAlong) {
  const LaunchSpec s = spec({"sleep", "1000"});
  const auto launched = launch(s);
  ASSERT_TRUE(launched);
  ::kill(launched->shim_pid, SIGKILL);
  EXPECT_EQ(exit_code(s), 137);
  EXPECT_EQ(start_time(launched->pid), 0U);
  EXPECT_TRUE(kill_cgroup(s.cgroup_dir));
}

TEST_F(Shim, AKilledSupervisorTakesACommandOfAnotherUserAlong) {
  LaunchSpec s = spec({"sleep", "1000"});
  s.process.user = "daemon";
  const auto launched = launch(s);
  ASSERT_TRUE(launched);
  ::kill(launched->shim_pid, SIGKILL);
  EXPECT_EQ(exit_code(s), 137);
}

TEST_F(Shim, SixtyFourAtOnceAllRun) {
  std::vector<LaunchSpec> specs;
  for (int i = 0; i < 64; ++i) {
    specs.push_back(shell(fmt::format("exit {}", i), fmt::format("box{}", i)));
    specs.back().resolv_conf = file("r", "x\n");
  }
  std::vector<std::thread> threads;
  std::vector<std::string> failures(64);
  const auto begin = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < 64; ++i) {
    threads.emplace_back([&, i] {
      if (const auto launched = launch(specs[i]); !launched) {
        failures[i] = launched.error().story();
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  RecordProperty("milliseconds",
                 static_cast<int>((std::chrono::steady_clock::now() - begin).count() / 1'000'000));
  for (int i = 0; i < 64; ++i) {
    EXPECT_EQ(failures[static_cast<std::size_t>(i)], "");
    EXPECT_EQ(exit_code(specs[static_cast<std::size_t>(i)]), i);
  }
}

} // namespace
} // namespace ebpfnet::shim
