#include "edge/http/static_files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace weir::edge {
namespace {

namespace fs = std::filesystem;

class StaticFilesTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "weir-static-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    root_ = name;
    Write("site/index.html", "<p>home</p>");
    Write("site/app.js", "x()");
    Write("site/demo/index.html", "<p>demo</p>");
    Write("site/a b.txt", "blank");
    Write("site/.secret", "no");
    Write("secret.txt", "no");
    Write("site-other/x.txt", "no");
    files_ = std::make_unique<StaticFiles>(*StaticFiles::Open(Options()));
  }
  void TearDown() override { fs::remove_all(root_); }

  StaticOptions Options() const { return {.directory = (root_ / "site").string()}; }

  void Write(const std::string& name, std::string_view text) {
    fs::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name) << text;
  }

  StaticAnswer Get(std::string_view path) const { return files_->Get(path, "", ""); }

  static std::string Header(const StaticAnswer& answer, const std::string& name) {
    const size_t at = answer.headers.find(name + ": ");
    if (at == std::string::npos) {
      return "";
    }
    const size_t begin = at + name.size() + 2;
    return answer.headers.substr(begin, answer.headers.find("\r\n", begin) - begin);
  }

  fs::path root_;
  std::unique_ptr<StaticFiles> files_;
};

TEST_F(StaticFilesTest, ServesAFileWithItsTypeAndSafetyHeaders) {
  const StaticAnswer answer = Get("/app.js");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "x()");
  EXPECT_EQ(Header(answer, "Content-Type"), "text/javascript; charset=utf-8");
  EXPECT_EQ(Header(answer, "Referrer-Policy"), "no-referrer");
  EXPECT_NE(Header(answer, "Content-Security-Policy").find("default-src 'self'"), std::string::npos);
}

TEST_F(StaticFilesTest, SendsAnotherPolicyOrNone) {
  StaticOptions options = Options();
  options.content_security_policy = "default-src 'none'";
  EXPECT_EQ(Header(StaticFiles::Open(options)->Get("/app.js", "", ""), "Content-Security-Policy"),
            "default-src 'none'");
  options.content_security_policy.clear();
  const StaticAnswer answer = StaticFiles::Open(options)->Get("/app.js", "", "");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.headers.find("Content-Security-Policy"), std::string::npos);
}

TEST_F(StaticFilesTest, ServesTheIndexOfADirectory) {
  EXPECT_EQ(Get("/").body, "<p>home</p>");
  EXPECT_EQ(Get("/demo/").body, "<p>demo</p>");
  EXPECT_EQ(Get("/demo").status, 308);
  EXPECT_EQ(Header(Get("/demo"), "Location"), "/demo/");
  EXPECT_EQ(Get("/a b.txt").body, "blank");
}

TEST_F(StaticFilesTest, AnswersNothingOutsideTheDirectory) {
  ASSERT_EQ(::symlink("../secret.txt", (root_ / "site/out").c_str()), 0);
  ASSERT_EQ(::symlink("/etc/passwd", (root_ / "site/passwd").c_str()), 0);
  ASSERT_EQ(::symlink("../../site-other", (root_ / "site/demo/other").c_str()), 0);
  for (const std::string_view path :
       {"/../secret.txt", "/demo/../../secret.txt", "/demo/../index.html", "/./index.html", "//index.html", "/out",
        "/passwd", "/demo/other/x.txt", "/.secret", "/..", "/.", "/..\\secret.txt", "/demo//index.html",
        "/../site-other/x.txt", "/nothing", "/demo/nothing", "/app.js/", "/app.js/x", ""}) {
    EXPECT_EQ(Get(path).status, 404) << path;
    EXPECT_EQ(Get(path).body, "") << path;
  }
  EXPECT_EQ(Get(std::string_view("/app.js\0.html", 13)).status, 404);
}

TEST_F(StaticFilesTest, FollowsALinkThatStaysInside) {
  ASSERT_EQ(::symlink("app.js", (root_ / "site/alias.js").c_str()), 0);
  EXPECT_EQ(Get("/alias.js").body, "x()");
}

TEST_F(StaticFilesTest, RefusesWhatIsNoRegularFile) {
  ASSERT_EQ(::mkfifo((root_ / "site/pipe").c_str(), 0600), 0);
  EXPECT_EQ(Get("/pipe").status, 404);
}

TEST_F(StaticFilesTest, SaysWhenTheBrowserHasItAlready) {
  const StaticAnswer first = Get("/app.js");
  const std::string etag = Header(first, "ETag");
  const std::string date = Header(first, "Last-Modified");
  EXPECT_EQ(files_->Get("/app.js", etag, "").status, 304);
  EXPECT_EQ(files_->Get("/app.js", "\"x\", " + etag, "").status, 304);
  EXPECT_EQ(files_->Get("/app.js", "*", "").status, 304);
  EXPECT_EQ(files_->Get("/app.js", "\"other\"", date).status, 200);
  EXPECT_EQ(files_->Get("/app.js", "", date).status, 304);
  EXPECT_EQ(files_->Get("/app.js", "", "Sat, 01 Jan 2000 00:00:00 GMT").status, 200);
  EXPECT_EQ(files_->Get("/app.js", etag, "").body, "");
  Write("site/app.js", "longer()");
  EXPECT_EQ(files_->Get("/app.js", etag, "").status, 200);
}

// No memory holds what this file has.
TEST_F(StaticFilesTest, ReadsNothingForItsHeadAlone) {
  constexpr size_t kTerabyte = size_t{1} << 40U;
  fs::resize_file(root_ / "site/app.js", kTerabyte);
  StaticOptions options = Options();
  options.file_bytes_max = kTerabyte;
  const auto files = StaticFiles::Open(options);
  const StaticAnswer head = files->Get("/app.js", "", "", true);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.length, kTerabyte);
  EXPECT_EQ(head.body, "");
  const StaticAnswer unchanged = files->Get("/app.js", Header(head, "ETag"), "");
  EXPECT_EQ(unchanged.status, 304);
  EXPECT_EQ(unchanged.headers, head.headers);
}

TEST_F(StaticFilesTest, RefusesAFileThatIsTooLarge) {
  StaticOptions options = Options();
  options.file_bytes_max = 3;
  const auto files = StaticFiles::Open(options);
  EXPECT_EQ(files->Get("/app.js", "", "").status, 200);
  EXPECT_EQ(files->Get("/index.html", "", "").status, 404);
}

TEST_F(StaticFilesTest, ServesUnderAPrefixOnly) {
  StaticOptions options = Options();
  options.prefix = "/pages/";
  const auto files = StaticFiles::Open(options);
  EXPECT_EQ(files->Get("/pages/app.js", "", "").status, 200);
  EXPECT_EQ(files->Get("/pages/", "", "").status, 200);
  EXPECT_EQ(files->Get("/app.js", "", "").status, 404);
  EXPECT_EQ(files->Get("/pages", "", "").status, 404);
}

TEST_F(StaticFilesTest, NeedsADirectory) {
  EXPECT_FALSE(StaticFiles::Open({.directory = (root_ / "missing").string()}).ok());
  EXPECT_FALSE(StaticFiles::Open({.directory = (root_ / "secret.txt").string()}).ok());
}

TEST(HttpDateTest, IsInTheFormOfHttp) { EXPECT_EQ(HttpDate(1795281656), "Sat, 21 Nov 2026 17:20:56 GMT"); }

}  // namespace
}  // namespace weir::edge
