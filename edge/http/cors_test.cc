#include "edge/http/cors.h"

#include <gtest/gtest.h>

namespace weir::edge {
namespace {

CorsOptions Allowing(std::string origin, bool credentials = false) {
  CorsOptions options;
  options.origins.insert(std::move(origin));
  options.credentials = credentials;
  return options;
}

TEST(CorsTest, LetsAnOriginOfTheListRead) {
  const std::string headers = CorsHeaders(Allowing("https://app.example.com"), "https://app.example.com", true);
  EXPECT_EQ(headers,
            "Vary: Accept, Origin\r\nAccess-Control-Allow-Origin: https://app.example.com\r\n"
            "Access-Control-Expose-Headers: Retry-After\r\n");
}

TEST(CorsTest, AllowsCredentialsOnlyWhenTold) {
  EXPECT_NE(CorsHeaders(Allowing("https://a", true), "https://a", false).find("Allow-Credentials: true"),
            std::string::npos);
}

TEST(CorsTest, NeverEchoesAnotherOrigin) {
  for (const std::string_view origin :
       {"", "null", "*", "https://app.example.com.evil.example", "https://app.example.co", "https://APP.example.com",
        "http://app.example.com", "https://app.example.com:443", "https://app.example.com/"}) {
    EXPECT_EQ(CorsHeaders(Allowing("https://app.example.com"), origin, false), "Vary: Origin\r\n") << origin;
    EXPECT_EQ(PreflightHeaders(Allowing("https://app.example.com"), origin), "") << origin;
  }
}

TEST(CorsTest, SaysNothingWhenThereIsNoList) {
  EXPECT_EQ(CorsHeaders({}, "https://a", false), "");
  EXPECT_EQ(CorsHeaders({}, "https://a", true), "Vary: Accept\r\n");
  EXPECT_EQ(PreflightHeaders({}, "https://a"), "");
}

TEST(CorsTest, AnswersThePreflightOfAStreamWithAToken) {
  const std::string headers = PreflightHeaders(Allowing("https://a"), "https://a");
  EXPECT_NE(headers.find("Access-Control-Allow-Methods: GET"), std::string::npos);
  EXPECT_NE(headers.find("Authorization"), std::string::npos);
  EXPECT_NE(headers.find("Last-Event-ID"), std::string::npos);
  EXPECT_NE(headers.find("Access-Control-Max-Age: 600\r\n"), std::string::npos) << "browsers need not ask each time";
}

TEST(CorsTest, KnowsAnOrigin) {
  for (const std::string_view good :
       {"https://app.example.com", "http://localhost:5173", "http://127.0.0.1", "http://[::1]", "http://[::1]:8080"}) {
    EXPECT_TRUE(IsOrigin(good)) << good;
  }
  for (const std::string_view bad :
       {"", "*", "null", "https://", "https://*.example.com", "https://a/", "https://a/b", "https://a:", "https://a:x",
        "https://a:123456", "app.example.com", "ftp://a", "https://A.example", "https://a b", "https://a\r\nX: y",
        "http://[]", "https://a?b", "https://u@a"}) {
    EXPECT_FALSE(IsOrigin(bad)) << bad;
  }
}

}  // namespace
}  // namespace weir::edge
