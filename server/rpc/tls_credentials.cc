#include "server/rpc/tls_credentials.h"

#include <grpc/grpc.h>
#include <openssl/crypto.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <utility>

#include "absl/time/clock.h"
#include "base/text.h"

namespace weir::server {
namespace {

constexpr absl::Duration kLookInterval = absl::Seconds(1);

// What grpc::SslServerCredentials makes, but for where the certificates come from.
class ListenerCredentials final : public grpc::ServerCredentials {
 public:
  explicit ListenerCredentials(grpc_server_credentials* credentials) : credentials_(credentials) {}
  ~ListenerCredentials() override { grpc_server_credentials_release(credentials_); }
  ListenerCredentials(const ListenerCredentials&) = delete;
  ListenerCredentials& operator=(const ListenerCredentials&) = delete;

  void SetAuthMetadataProcessor(const std::shared_ptr<grpc::AuthMetadataProcessor>&) override {}

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override {
    return grpc_server_add_http2_port(server, address.c_str(), credentials_);
  }

  grpc_server_credentials* const credentials_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<TlsCredentials>> TlsCredentials::Open(TlsFiles files) {
  std::unique_ptr<TlsCredentials> credentials(new TlsCredentials(std::move(files)));
  const std::lock_guard lock(credentials->mutex_);
  credentials->seen_ = credentials->Look();
  credentials->look_due_ = absl::Now() + kLookInterval;
  if (absl::Status status = credentials->Read(); !status.ok()) {
    return status;
  }
  return credentials;
}

std::shared_ptr<grpc::ServerCredentials> TlsCredentials::ForListener() {
  const auto clients = files_.ca.empty() ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
                                         : GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY;
  return std::make_shared<ListenerCredentials>(grpc_ssl_server_credentials_create_with_options(
      grpc_ssl_server_credentials_create_options_using_config_fetcher(clients, &TlsCredentials::Fetch, this)));
}

TlsCredentials::FileStates TlsCredentials::Look() const {
  FileStates states;
  const std::string* paths[] = {&files_.certificate, &files_.key, &files_.ca};
  for (size_t i = 0; i < states.size(); ++i) {
    struct stat about = {};
    if (!paths[i]->empty() && ::stat(paths[i]->c_str(), &about) == 0) {
      states[i] = {.changed_nanos = about.st_mtim.tv_sec * 1'000'000'000 + about.st_mtim.tv_nsec,
                   .inode = about.st_ino,
                   .bytes = about.st_size};
    }
  }
  return states;
}

absl::Status TlsCredentials::Read() {
  absl::StatusOr<TlsPems> pems = ReadTlsFiles(files_, absl::Now());
  if (!pems.ok()) {
    return pems.status();
  }
  for (const std::string& warning : pems->warnings) {
    spdlog::warn("{}", warning);
  }
  OPENSSL_cleanse(pems_.key.data(), pems_.key.size());
  pems_ = *std::move(pems);
  given_ = false;
  return absl::OkStatus();
}

grpc_ssl_certificate_config_reload_status TlsCredentials::Fetch(void* self,
                                                                grpc_ssl_server_certificate_config** config) {
  return static_cast<TlsCredentials*>(self)->Fetch(*config);
}

grpc_ssl_certificate_config_reload_status TlsCredentials::Fetch(grpc_ssl_server_certificate_config*& config) {
  const std::lock_guard lock(mutex_);
  if (const absl::Time now = absl::Now(); now >= look_due_) {
    look_due_ = now + kLookInterval;
    // With each one that gRPC is given it makes new keys of TLS's own tickets, by which a caller comes back whose
    // certificate is not judged again: the old ones go before a certificate that they stand for can be over for long.
    given_ = false;
    if (FileStates states = Look(); states != seen_) {
      seen_ = states;
      if (const absl::Status status = Read(); !status.ok()) {
        spdlog::error("tls: {}; the certificates in force stay", Message(status));
      } else {
        spdlog::info("tls: new certificates are in force for new connections");
      }
    }
  }
  if (given_) {
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
  }
  const grpc_ssl_pem_key_cert_pair pair = {.private_key = pems_.key.c_str(), .cert_chain = pems_.certificate.c_str()};
  // gRPC wants authorities also where it asks no client for a certificate: there it does not look at them.
  const std::string& authorities = pems_.ca.empty() ? pems_.certificate : pems_.ca;
  config = grpc_ssl_server_certificate_config_create(authorities.c_str(), &pair, 1);
  given_ = true;
  return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
}

}  // namespace weir::server
