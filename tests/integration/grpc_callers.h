// A server that speaks mTLS and has rules of access, and callers with certificates, made by deploy/dev-certificates.
#ifndef WEIR_TESTS_INTEGRATION_GRPC_CALLERS_H_
#define WEIR_TESTS_INTEGRATION_GRPC_CALLERS_H_

#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/dev_certificates.h"
#include "tests/support/system.h"
#include "weir/client.h"

namespace weir::testing {

class GrpcCallers : public ::testing::Test {
 protected:
  static constexpr char kTopic[] = "dispatch.broadcast";
  static constexpr char kFlash[] = "apps.dispatch.v1.FlashMessage";
  static constexpr char kMtls[] = "tls: {certificate: server.crt, key: server.key, client_ca: clients.crt}\n";
  static constexpr char kRules[] = R"(
auth: {keys: [{algorithm: HS256, file: secret}], leeway: 0s}
access:
  - who: ["dns:feed.weir.internal", "sub:feed"]
    publish: {topics: ["dispatch.broadcast", "vehicles.>"]}
  - who: ["dns:reader.weir.internal", "sub:reader"]
    subscribe: {topics: ["dispatch.>"]}
  - who: ["dns:edge.weir.internal", "sub:edge"]
    subscribe: {topics: [">"]}
)";

  std::string File(const std::string& name) const { return system_.dir().File(name); }
  std::string ServerLog() const { return ReadFile(File("server.log")); }

  // An authority in the directory of that name, and what it certifies.
  void MakeAuthority(const std::string& authority) const {
    MakeDevCertificates({File(authority), "server", "feed", "reader", "edge"});
  }
  // Atomically, as a careful operator does.
  void Install(const std::string& from, const std::string& to) const {
    std::filesystem::copy_file(File(from), File(to + ".new"), std::filesystem::copy_options::overwrite_existing);
    std::filesystem::rename(File(to + ".new"), File(to));
  }
  // The server has the authority's certificate, and its callers must have one, too.
  void InstallServer(const std::string& authority) const {
    Install(authority + "/server.key", "server.key");
    Install(authority + "/server.crt", "server.crt");
    Install(authority + "/ca.crt", "clients.crt");
  }
  void StartServer(const std::string& config, const std::vector<std::string>& flags = {}) {
    WriteFile(File("server.yaml"), config);
    std::vector<std::string> all = {"--config", File("server.yaml")};
    all.insert(all.end(), flags.begin(), flags.end());
    system_.StartServer(all);
  }
  void RestartServer() {
    system_.server().Kill();
    system_.StartServer({"--config", File("server.yaml")});
  }
  // SIGHUP with this configuration; returns when the server has said `said`.
  void ReloadServer(const std::string& config, const std::string& said = "reload: taken over") {
    WriteFile(File("server.yaml"), config);
    const size_t before = ServerLog().size();
    system_.server().Signal(SIGHUP);
    ASSERT_TRUE(WaitUntil([&] { return ServerLog().find(said, before) != std::string::npos; })) << ServerLog();
  }

  ClientTls TlsAs(const std::string& authority, const std::string& name) const {
    return {.ca = File(authority + "/ca.crt"),
            .certificate = File(absl::StrCat(authority, "/", name, ".crt")),
            .key = File(absl::StrCat(authority, "/", name, ".key"))};
  }
  // `weir`, with that certificate.
  CommandResult WeirAs(const ClientTls& tls, std::vector<std::string> args) const {
    for (const auto& [flag, file] : {std::pair("--tls-ca", tls.ca), std::pair("--tls-certificate", tls.certificate),
                                     std::pair("--tls-key", tls.key)}) {
      if (!file.empty()) {
        args.insert(args.end(), {flag, file});
      }
    }
    return system_.Weir(args);
  }
  // One event with this text by `weir publish`.
  CommandResult PublishAs(const ClientTls& tls, const std::string& text) const {
    return WeirAs(tls, {"publish", "--topic", kTopic, "--type", kFlash, nlohmann::json{{"text", text}}.dump()});
  }

  System system_;
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_INTEGRATION_GRPC_CALLERS_H_
