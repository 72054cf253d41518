// Gets configuration from the controller and puts it to work: the data plane's end of
// proto/portreeve/config/v1/service.proto.
#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "dataplane/config/installer.h"

namespace portreeve::config {

struct ClientOptions {
  // "unix:/run/portreeve/config.sock" or "host:port".
  std::string controller;
  // "NS/NAME" of the Gateway; empty: all of them.
  std::string gateway;
  // Folder of the last good configuration; empty: it is kept nowhere.
  std::string state_folder;
  // For "host:port". A PEM bundle of CAs: the stream is over TLS, and the controller must hold a certificate of one of
  // them for `server_name` (empty: the host). Empty: plain text. Both files are read for each connection, and the token
  // for each proof after that, so they may be renewed at any time.
  std::string ca_file;
  std::string token_file;
  std::string server_name;
  // So often the token is shown again while a stream stands.
  std::chrono::milliseconds proof_period = std::chrono::minutes(5);
};

// Works on a thread of its own. First it installs the last good configuration, if there is one, so that a start without
// a controller serves; then it follows the controller, and looks for it again for as long as it takes. What runs goes
// on running whatever happens to the controller.
class ConfigClient {
 public:
  // `installer` must outlive the client, and is called by its thread only.
  static std::unique_ptr<ConfigClient> Start(ClientOptions options, Installer& installer);

  // Ends the stream and the thread; what runs goes on. Waits for an install under way.
  ~ConfigClient();
  ConfigClient(const ConfigClient&) = delete;
  ConfigClient& operator=(const ConfigClient&) = delete;

  // The methods below may be called by any thread.

  // A complete snapshot is installed, the controller's or the last good one.
  bool ready() const;
  // The stream to the controller stands.
  bool connected() const;
  // Version of the snapshot that runs; empty: none yet.
  std::string snapshot() const;
  // Of the controller; the highest seen.
  std::uint64_t epoch() const;
  // JSON for /config: what runs, what is refused, which listeners accept. Certificates are redacted.
  std::string ConfigDump() const;

 private:
  struct Session;
  explicit ConfigClient(std::unique_ptr<Session> session);

  std::unique_ptr<Session> session_;
};

}  // namespace portreeve::config
