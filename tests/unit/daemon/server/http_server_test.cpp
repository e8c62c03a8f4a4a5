// The HTTP server under good, bad, slow, hanging and vanishing clients. Handlers are lambdas; no
// Backend here.
#include "daemon/server/http_server.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>

#include "tests/unit/daemon/server/test_server.hpp"

namespace ebpfnet::server {
namespace {

using namespace std::chrono_literals;

Router echo_router() {
  Router router;
  auto echo = [](const Request& request, Stream&) {
    return json_reply({{"Body", request.body}, {"Path", request.path}, {"Uid", request.peer.uid}});
  };
  router.add("POST", "/echo", echo);
  router.add("GET", "/echo/{name}", echo);
  return router;
}

TEST(HttpServer, AnswersARequestAndKeepsTheConnection) {
  TestServer server(echo_router());
  RawClient client(server.socket());
  for (int i = 0; i < 3; ++i) {
    RawReply reply = client.ask("POST", "/echo", "body " + std::to_string(i));
    EXPECT_EQ(reply.status, 200);
    EXPECT_NE(reply.header.find("application/json"), std::string::npos);
    EXPECT_EQ(reply.json()["Body"], "body " + std::to_string(i));
    EXPECT_EQ(reply.json()["Uid"], ::getuid());
  }
}

TEST(HttpServer, DecodesNamesInThePath) {
  TestServer server(echo_router());
  RawClient client(server.socket());
  EXPECT_EQ(client.ask("GET", "/echo/a%2Fb%C3%A4").json()["Path"]["name"], "a/b\u00e4");
}

TEST(HttpServer, AnswersPipelinedRequestsInOrder) {
  TestServer server(echo_router());
  RawClient client(server.socket());
  for (int i = 0; i < 10; ++i) {
    client.request("POST", "/echo", std::to_string(i));
  }
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(client.reply().json()["Body"], std::to_string(i));
  }
}

TEST(HttpServer, SaysWhatIsWrongWithPathAndMethod) {
  TestServer server(echo_router());
  RawClient client(server.socket());
  RawReply unknown = client.ask("GET", "/nowhere");
  EXPECT_EQ(unknown.status, 404);
  EXPECT_EQ(unknown.json()["message"], "no such path: /nowhere");
  EXPECT_EQ(unknown.json()["code"], "not_found");
  RawReply method = client.ask("DELETE", "/echo/x");
  EXPECT_EQ(method.status, 405);
  EXPECT_NE(method.header.find("Allow: GET\r\n"), std::string::npos);
  RawReply escape = client.ask("GET", "/echo/%zz");
  EXPECT_EQ(escape.status, 400);
  EXPECT_EQ(client.ask("POST", "/echo", "still works").status, 200);
}

TEST(HttpServer, RefusesABodyThatIsTooLargeAndTellsTheClientWhoStillSends) {
  TestServer server(echo_router(), {.body_bytes = 1000});
  RawClient announced(server.socket());
  RawReply reply = announced.ask("POST", "/echo", std::string(3'000'000, 'x'));
  EXPECT_EQ(reply.status, 413);
  EXPECT_EQ(reply.json()["code"], "invalid");
  RawClient chunked(server.socket());
  chunked.send("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n" +
               std::string(2000, 'x') + "\r\n0\r\n\r\n");
  EXPECT_EQ(chunked.reply().status, 413);
  EXPECT_EQ(RawClient(server.socket()).ask("POST", "/echo", std::string(1000, 'x')).status, 200);
}

TEST(HttpServer, RefusesAHeaderThatIsTooLarge) {
  TestServer server(echo_router());
  RawClient client(server.socket());
  client.send("GET /echo/x HTTP/1.1\r\nHost: x\r\nX: " + std::string(40'000, 'x') + "\r\n\r\n");
  EXPECT_EQ(client.reply().status, 431);
}

TEST(HttpServer, RefusesWhatIsNotHttpAndCloses) {
  TestServer server(echo_router());
  for (const char* text :
       {"hello\r\n\r\n", "GET /echo/x HTTP/9.9\r\n\r\n", "GET\r\n\r\n",
        "POST /echo HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        "POST /echo HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        "POST /echo HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n"}) {
    RawClient client(server.socket());
    client.send(text);
    RawReply reply = client.reply();
    EXPECT_EQ(reply.status, 400) << text;
    EXPECT_NE(reply.header.find("Connection: close"), std::string::npos);
    EXPECT_EQ(client.rest(), "") << text;
  }
}

TEST(HttpServer, NeverRunsATruncatedRequest) {
  std::atomic<int> runs = 0;
  Router router;
  router.add("POST", "/run", [&](const Request&, Stream&) {
    ++runs;
    return json_reply({});
  });
  TestServer server(std::move(router));
  RawClient client(server.socket());
  client.send("POST /run HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nshort");
  client.close_sending();
  EXPECT_EQ(client.rest(), "");
  EXPECT_EQ(runs, 0);
}

TEST(HttpServer, AnswersAClientThatHasStoppedSending) {
  TestServer server(echo_router());
  RawClient client(server.socket());
  client.request("POST", "/echo", "x");
  client.close_sending();
  EXPECT_EQ(client.reply().status, 200);
}

TEST(HttpServer, AsksForTheBodyOfAClientThatWaitsForPermission) {
  TestServer server(echo_router());
  RawClient client(server.socket());
  client.send(
      "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(client.reply().status, 100);
  client.send("ok");
  EXPECT_EQ(client.reply().json()["Body"], "ok");
}

TEST(HttpServer, DropsSlowAndIdleClientsAndServesTheOthers) {
  TestServer server(echo_router(), {.read_timeout = 50ms, .idle_timeout = 50ms});
  RawClient slow(server.socket());
  slow.send("POST /echo HTTP/1.1\r\nHo");
  RawClient idle(server.socket());
  EXPECT_EQ(RawClient(server.socket()).ask("POST", "/echo", "x").status, 200);
  EXPECT_EQ(slow.rest(), "");
  EXPECT_EQ(idle.rest(), "");
  EXPECT_EQ(RawClient(server.socket()).ask("POST", "/echo", "x").status, 200);
}

TEST(HttpServer, RefusesConnectionsBeyondItsLimit) {
  TestServer server(echo_router(), {.connections = 2});
  RawClient first(server.socket());
  RawClient second(server.socket());
  EXPECT_EQ(first.ask("POST", "/echo").status, 200);
  EXPECT_EQ(second.ask("POST", "/echo").status, 200);
  RawReply refused = RawClient(server.socket()).reply();
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.json()["code"], "unavailable");
  EXPECT_EQ(first.ask("POST", "/echo").status, 200);
}

TEST(HttpServer, HungRequestsDelayNobody) {
  std::latch release(1);
  std::latch hung(64);
  Router router = echo_router();
  router.add("POST", "/hang", [&](const Request&, Stream&) {
    hung.count_down();
    release.wait();
    return json_reply({{"Released", true}});
  });
  TestServer server(std::move(router));
  std::vector<std::unique_ptr<RawClient>> hanging;
  for (int i = 0; i < 64; ++i) {
    hanging.push_back(std::make_unique<RawClient>(server.socket()));
    hanging.back()->request("POST", "/hang");
  }
  hung.wait();
  // All of these are answered while the 64 hang: they are let go only afterwards.
  std::atomic<int> answered = 0;
  std::vector<std::thread> others;
  for (int i = 0; i < 64; ++i) {
    others.emplace_back([&] {
      RawClient client(server.socket());
      for (int j = 0; j < 10; ++j) {
        answered += client.ask("POST", "/echo", "x").status == 200 ? 1 : 0;
      }
    });
  }
  for (std::thread& other : others) {
    other.join();
  }
  EXPECT_EQ(answered, 640);
  release.count_down();
  for (auto& client : hanging) {
    EXPECT_EQ(client->reply().json()["Released"], true);
  }
}

TEST(HttpServer, TellsAHandlerThatItsClientIsGone) {
  std::latch started(1);
  std::latch ended(1);
  std::atomic<bool> was_alive = false;
  Router router;
  router.add("POST", "/wait", [&](const Request& request, Stream&) {
    was_alive = request.alive();
    started.count_down();
    while (request.alive()) {
      std::this_thread::sleep_for(1ms);
    }
    ended.count_down();
    return json_reply({});
  });
  TestServer server(std::move(router));
  RawClient client(server.socket());
  client.request("POST", "/wait");
  started.wait();
  EXPECT_TRUE(was_alive);
  client.close();
  ended.wait();
}

TEST(HttpServer, AStopEndsHandlersThatAskAndRemovesTheSocket) {
  std::latch started(1);
  std::atomic<bool> ended = false;
  Router router;
  router.add("POST", "/wait", [&](const Request& request, Stream&) {
    started.count_down();
    while (request.alive()) {
      std::this_thread::sleep_for(1ms);
    }
    ended = true;
    return json_reply({});
  });
  auto server = std::make_unique<TestServer>(std::move(router));
  std::filesystem::path socket = server->socket();
  RawClient client(socket);
  client.request("POST", "/wait");
  started.wait();
  server.reset();
  EXPECT_TRUE(ended);
  EXPECT_FALSE(std::filesystem::exists(socket));
  EXPECT_EQ(client.rest(), "");
}

TEST(HttpServer, TurnsAThrowingHandlerIntoAnError) {
  Router router;
  router.add("GET", "/throw",
             [](const Request&, Stream&) -> Reply { throw std::runtime_error("boom"); });
  TestServer server(std::move(router));
  RawClient client(server.socket());
  RawReply reply = client.ask("GET", "/throw");
  EXPECT_EQ(reply.status, 500);
  EXPECT_EQ(reply.json()["code"], "internal");
}

TEST(HttpServer, StreamsPiecesAsTheyCome) {
  std::latch first_seen(1);
  Router router;
  router.add("GET", "/stream", [&](const Request&, Stream& stream) {
    stream.write("first");
    first_seen.wait();
    stream.write("second");
    return Reply{};
  });
  TestServer server(std::move(router));
  RawClient client(server.socket());
  client.request("GET", "/stream");
  ASSERT_TRUE(client.wait_for("\r\n\r\n5\r\nfirst\r\n"));
  first_seen.count_down();
  EXPECT_TRUE(client.rest().ends_with("6\r\nsecond\r\n0\r\n\r\n"));
}

TEST(HttpServer, StreamsToAnOldClientWithoutChunks) {
  Router router;
  router.add("GET", "/stream", [](const Request&, Stream& stream) {
    stream.write("one");
    stream.write("two");
    return Reply{};
  });
  TestServer server(std::move(router));
  RawClient client(server.socket());
  client.send("GET /stream HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(client.rest().ends_with("\r\n\r\nonetwo"));
}

TEST(HttpServer, CutsAStreamThatFailsHalfWay) {
  Router router;
  router.add("GET", "/stream", [](const Request&, Stream& stream) {
    stream.write("half");
    return error_reply({ErrorCode::internal, 0, "disk on fire", {}});
  });
  TestServer server(std::move(router));
  RawClient client(server.socket());
  client.request("GET", "/stream");
  EXPECT_TRUE(client.rest().ends_with("4\r\nhalf\r\n"));
}

TEST(HttpServer, EndsAStreamWhoseClientIsGone) {
  std::latch ended(1);
  Router router;
  router.add("GET", "/stream", [&](const Request&, Stream& stream) {
    while (stream.write("")) {
      std::this_thread::sleep_for(1ms);
    }
    ended.count_down();
    return Reply{};
  });
  TestServer server(std::move(router));
  RawClient client(server.socket());
  client.request("GET", "/stream");
  ASSERT_TRUE(client.wait_for("\r\n\r\n"));
  client.close();
  ended.wait();
}

TEST(HttpServer, AReaderThatStopsReadingHoldsUpItsOwnStreamOnly) {
  std::atomic<bool> stuck = true;
  Router router = echo_router();
  router.add("GET", "/flood", [&](const Request&, Stream& stream) {
    std::string block(1 << 20, 'x');
    while (stream.write(block)) {
    }
    stuck = false;
    return Reply{};
  });
  TestServer server(std::move(router));
  RawClient reader(server.socket());
  reader.request("GET", "/flood");
  ASSERT_TRUE(reader.wait_for("\r\n\r\n"));
  EXPECT_EQ(RawClient(server.socket()).ask("POST", "/echo", "x").status, 200);
  EXPECT_TRUE(stuck);
}

} // namespace
} // namespace ebpfnet::server
