// Targets and patterns.
#include "daemon/server/router.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/server/target.hpp"

namespace ebpfnet::server {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

TEST(Target, SplitsPathAndQueryBeforeItDecodesThem) {
  auto target =
      Target::from("/v1/networks/a%2Fb%20c?filters=%7B%22a%22%3A1%7D&all=1&empty=&bare&x=a+b");
  ASSERT_TRUE(target) << target.error().story();
  EXPECT_THAT(target->segments, ElementsAre("v1", "networks", "a/b c"));
  EXPECT_THAT(target->query, ElementsAre(Pair("all", "1"), Pair("bare", ""), Pair("empty", ""),
                                         Pair("filters", "{\"a\":1}"), Pair("x", "a b")));
}

TEST(Target, KeepsAPlusInAPath) {
  auto target = Target::from("/a+b");
  ASSERT_TRUE(target);
  EXPECT_THAT(target->segments, ElementsAre("a+b"));
}

TEST(Target, RefusesWhatIsNoPathAndBrokenEscapes) {
  for (const char* text :
       {"", "*", "http://x/", "/a%", "/a%2", "/a%zz", "/a%-1", "/a%+1", "/a%00", "/x?a=%q1"}) {
    auto target = Target::from(text);
    ASSERT_FALSE(target) << text;
    EXPECT_EQ(target.error().code, ErrorCode::invalid) << text;
  }
  EXPECT_FALSE(Target::from(std::string_view("/a\0b", 4)));
  EXPECT_FALSE(Target::from(std::string_view("/a?x=\0", 6)));
}

class RouterTest : public ::testing::Test {
protected:
  RouterTest() {
    for (const char* pattern : {"/v1/networks/prune", "/v1/networks/{ref}"}) {
      router_.add("GET", pattern, answer(pattern));
    }
    router_.add("DELETE", "/v1/networks/{ref}", answer("delete"));
    router_.add("POST", "/v1/networks/{ref}/{verb}", answer("verb"));
  }
  static Handler answer(std::string text) {
    return [text](const Request&, Stream&) {
      Reply reply;
      reply.body = text;
      return reply;
    };
  }
  std::string find(std::string_view method, std::string_view path) {
    match_ = router_.find(method, Target::from(path)->segments);
    struct NoStream : Stream {
      bool write(std::string_view) override { return false; }
    } stream;
    return match_.handler != nullptr ? (*match_.handler)({}, stream).body : "";
  }
  Router router_;
  Router::Match match_;
};

TEST_F(RouterTest, TakesTheFirstRowThatFits) {
  EXPECT_EQ(find("GET", "/v1/networks/prune"), "/v1/networks/prune");
  EXPECT_EQ(find("GET", "/v1/networks/web"), "/v1/networks/{ref}");
  EXPECT_THAT(match_.path, ElementsAre(Pair("ref", "web")));
  EXPECT_EQ(find("POST", "/v1/networks/web/connect"), "verb");
  EXPECT_THAT(match_.path, ElementsAre(Pair("ref", "web"), Pair("verb", "connect")));
}

TEST_F(RouterTest, NamesTheMethodsOfAPathWhenTheMethodIsWrong) {
  EXPECT_EQ(find("PUT", "/v1/networks/web"), "");
  EXPECT_EQ(match_.allow, "GET, DELETE");
}

TEST_F(RouterTest, FindsNothingForOtherPathsAndEmptyNames) {
  for (const char* path : {"/", "/v1", "/v1/networks/", "/v1/networks/a/b/c", "/V1/networks/a"}) {
    EXPECT_EQ(find("GET", path), "") << path;
    EXPECT_EQ(match_.allow, "") << path;
  }
}

} // namespace
} // namespace ebpfnet::server
