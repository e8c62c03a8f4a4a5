// The attach protocol: encoding, damaged messages, descriptors in transit, both ends against each
// other.
#include "daemon/shim/attach.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <thread>

#include "daemon/shim/attach_server.hpp"

namespace ebpfnet::shim {
namespace {

using std::chrono::milliseconds;

struct Folder {
  std::filesystem::path path;
  Folder() {
    // Longer than sun_path, as run directories may be.
    std::string name = testing::TempDir() + "ebn-attach-XXXXXX";
    path = std::filesystem::path(::mkdtemp(name.data())) / std::string(120, 'd');
    std::filesystem::create_directories(path);
  }
  ~Folder() { std::filesystem::remove_all(path.parent_path()); }
};

TEST(AttachMessage, RoundTrips) {
  for (const Message& message :
       {Message{MessageType::started, 7, 0, {}}, Message{MessageType::failed, -1, 2, "why"},
        Message{MessageType::exited, 255, -5, {}}}) {
    EXPECT_EQ(*decode(encode(message)), message);
  }
}

TEST(AttachMessage, RefusesShortForeignAndUnknown) {
  std::string bytes = encode({MessageType::signal, 15, 0, {}});
  EXPECT_FALSE(decode(bytes.substr(0, 15)));
  EXPECT_FALSE(decode(""));
  std::string foreign = bytes;
  foreign[0] = 9;
  EXPECT_EQ(decode(foreign).error().code, ErrorCode::unsupported);
  bytes[4] = 99;
  EXPECT_EQ(decode(bytes).error().code, ErrorCode::invalid);
}

TEST(AttachMessage, LongStoriesAreCutNotRefused) {
  const auto message =
      decode(encode(failed_message(Error{ErrorCode::internal, 0, std::string(100'000, 'x'), {}})));
  ASSERT_TRUE(message);
  EXPECT_LT(message->text.size(), kMaxMessageBytes);
}

TEST(AttachMessage, UnknownErrorCodesBecomeInternal) {
  EXPECT_EQ(error_of({MessageType::failed, 4711, 0, "x"}).code, ErrorCode::internal);
}

TEST(Attach, PassesDescriptorsAndWindowSize) {
  const Folder folder;
  auto listener = AttachListener::listen(folder.path, "s");
  ASSERT_TRUE(listener) << listener.error().story();
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const UniqueFd reader(ends[0]);
  const UniqueFd writer(ends[1]);
  auto client = AttachClient::connect(folder.path / "s");
  ASSERT_TRUE(client) << client.error().story();
  ASSERT_TRUE(client->send_stdio(0, writer.get(), 2, {24, 80}));
  auto server = listener->accept(milliseconds(1000));
  ASSERT_TRUE(server) << server.error().story();
  EXPECT_EQ(server->size, (WindowSize{24, 80}));
  ASSERT_EQ(::write(server->stdio.out.get(), "x", 1), 1);
  char byte = 0;
  EXPECT_EQ(::read(reader.get(), &byte, 1), 1);
}

TEST(Attach, AClientWithoutDescriptorsIsPassedOver) {
  const Folder folder;
  auto listener = AttachListener::listen(folder.path, "s");
  auto rude = AttachClient::connect(folder.path / "s");
  ASSERT_TRUE(rude->send_signal(9));
  auto good = AttachClient::connect(folder.path / "s");
  ASSERT_TRUE(good->send_stdio(0, 1, 2));
  EXPECT_TRUE(listener->accept(milliseconds(1000)));
}

TEST(Attach, NobodyComesIsAnErrorInTime) {
  const Folder folder;
  auto listener = AttachListener::listen(folder.path, "s");
  const auto result = listener->accept(milliseconds(50));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::unavailable);
}

TEST(Attach, TheSocketIsForTheGroupAndGoesWithTheListener) {
  const Folder folder;
  {
    auto listener = AttachListener::listen(folder.path, "s");
    ASSERT_TRUE(listener);
    const auto permissions = std::filesystem::status(folder.path / "s").permissions();
    EXPECT_EQ(static_cast<unsigned>(permissions), 0660U);
  }
  EXPECT_FALSE(std::filesystem::exists(folder.path / "s"));
  EXPECT_EQ(AttachClient::connect(folder.path / "s").error().code, ErrorCode::unavailable);
}

TEST(Attach, WaitReturnsCodesErrorsAndDisappearance) {
  const Folder folder;
  auto listener = AttachListener::listen(folder.path, "s");
  const auto answer = [&](std::vector<Message> messages) {
    auto client = AttachClient::connect(folder.path / "s");
    EXPECT_TRUE(client->send_stdio(0, 1, 2));
    {
      auto server = listener->accept(milliseconds(1000));
      for (const Message& message : messages) {
        EXPECT_TRUE(send_message(server->socket.get(), message));
      }
    }
    return client->wait();
  };
  EXPECT_EQ(*answer({{MessageType::started, 5, 0, {}}, {MessageType::exited, 137, 0, {}}}), 137);
  EXPECT_EQ(answer({failed_message(Error{ErrorCode::no_command, 0, "m", {}})}).error().code,
            ErrorCode::no_command);
  EXPECT_EQ(answer({{MessageType::started, 5, 0, {}}}).error().code, ErrorCode::unavailable);
}

} // namespace
} // namespace ebpfnet::shim
