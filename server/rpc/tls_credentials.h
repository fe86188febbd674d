// TLS of the gRPC listener, with certificates that are taken over while it runs.
//
// A connection that comes looks, once a second at most, whether a file was replaced, and then reads all of them. What
// does not fit together (a new certificate whose key is still to come, a file that is no certificate) is said in the
// log and changes nothing: the last good ones stay. Connections that are open keep what they began with. Sessions of
// TLS are not resumed for longer than that second, so that who comes anew shows a certificate that is good then.
//
// gRPC's own watcher of files (grpc::experimental::FileWatcherCertificateProvider) drops what it has when the new files
// do not fit, and then refuses everybody; so this hands certificates over by the other door that gRPC has for them.
#ifndef WEIR_SERVER_RPC_TLS_CREDENTIALS_H_
#define WEIR_SERVER_RPC_TLS_CREDENTIALS_H_

#include <grpc/grpc_security.h>
#include <grpcpp/security/server_credentials.h>

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/tls_files.h"

namespace weir::server {

// Any thread. Must outlive the server that has its credentials.
class TlsCredentials {
 public:
  // Reads the files; the certificate is required. With `ca`, a client must show a certificate of it. Warnings go to the
  // log. Errors of ReadTlsFiles.
  static absl::StatusOr<std::unique_ptr<TlsCredentials>> Open(TlsFiles files);

  // For one listener: TLS 1.2 or newer.
  std::shared_ptr<grpc::ServerCredentials> ForListener();

 private:
  // What tells a file from the one that replaced it.
  struct FileState {
    int64_t changed_nanos = 0;
    uint64_t inode = 0;
    int64_t bytes = -1;
    friend bool operator==(const FileState&, const FileState&) = default;
  };
  using FileStates = std::array<FileState, 3>;

  explicit TlsCredentials(TlsFiles files) : files_(std::move(files)) {}

  static grpc_ssl_certificate_config_reload_status Fetch(void* self, grpc_ssl_server_certificate_config** config);
  FileStates Look() const;
  absl::Status Read() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  grpc_ssl_certificate_config_reload_status Fetch(grpc_ssl_server_certificate_config*& config);

  const TlsFiles files_;
  std::mutex mutex_;
  FileStates seen_ ABSL_GUARDED_BY(mutex_);
  absl::Time look_due_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  TlsPems pems_ ABSL_GUARDED_BY(mutex_);
  bool given_ ABSL_GUARDED_BY(mutex_) = false;  // gRPC has what is in pems_, since the last look
};

}  // namespace weir::server

#endif  // WEIR_SERVER_RPC_TLS_CREDENTIALS_H_
