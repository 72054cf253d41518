// Keeps the Authority of all replicas of a controller in one Secret, and its certificates where data planes find them.
#pragma once

#include <absl/container/btree_map.h>
#include <absl/container/btree_set.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/clock.h>
#include <absl/time/time.h>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "controller/kube/api_client.h"
#include "controller/serve/authority.h"

namespace portreeve::serve {

// The Secret in the controller's namespace, and the ConfigMap (entry "ca.crt") in the namespaces of data planes.
inline constexpr char kAuthoritySecret[] = "portreeve-authority";
inline constexpr char kAuthorityConfigMap[] = "portreeve-ca";

// Whichever replica comes first makes the Secret, whichever sees first that it is time rotates it; what is in the
// Secret counts, and a replica that comes second takes that. Any thread.
class AuthorityKeeper {
 public:
  // So often the Secret is read.
  static constexpr absl::Duration kPeriod = absl::Seconds(30);
  // So often a ConfigMap is written again, since somebody may have deleted it.
  static constexpr absl::Duration kRepublish = absl::Minutes(2);

  // A Gateway of ours. Its namespace's ConfigMap goes when the last of them does.
  struct Owner {
    std::string name;
    std::string uid;
    auto operator<=>(const Owner&) const = default;
  };
  // By namespace.
  using Owners = absl::btree_map<std::string, absl::btree_set<Owner>>;

  struct Options {
    // Of the controller.
    std::string ns;
    // That data planes connect to: "portreeve.portreeve-system.svc".
    std::vector<std::string> dns_names;
    std::function<absl::Time()> clock = absl::Now;
  };

  struct Health {
    absl::Time authority_not_after = absl::InfinitePast();
    absl::Time certificate_not_after = absl::InfinitePast();
    // Of the last Refresh.
    absl::Status status;
  };

  // `api` must outlive it.
  AuthorityKeeper(kube::ApiClient& api, Options options);
  // Waits for a request under way: Cancel the ApiClient first.
  ~AuthorityKeeper();
  AuthorityKeeper(const AuthorityKeeper&) = delete;
  AuthorityKeeper& operator=(const AuthorityKeeper&) = delete;

  // Reads the Secret, makes or rotates it if it is time, issues a server certificate if it is time, and publishes. On
  // an error what was known before stays in use, and whatever doesn't depend on it is done all the same. Errors name
  // the object and the remedy. Blocks.
  absl::Status Refresh();

  // Calls Refresh from a thread of its own: now, every 30 seconds, and when the owners change. Logs what
  // goes wrong, once. To be called once at most.
  void Start();
  // The namespaces to publish in; takes the place of what was said before. Empty on replicas that don't lead.
  void SetOwners(Owners owners);

  // For the server's handshakes: doesn't block. Null before the first Refresh that succeeded.
  std::shared_ptr<const ServerCertificate> certificate() const;
  // PEM: the CAs by which other replicas are known, as of the last Refresh. Empty before the first one that succeeded.
  // Doesn't block.
  std::string bundle() const;
  Health health() const;

 private:
  // What the Secret is like.
  struct Stored {
    bool exists = false;
    std::string resource_version;
    // Missing as long as the Secret is empty.
    std::optional<Authority> authority;
  };
  struct Published {
    std::string content;
    absl::Time at;
  };

  absl::Status Load(absl::Time now);
  absl::StatusOr<Stored> Read();
  // False: somebody else was first.
  absl::StatusOr<bool> Write(const Authority& authority, const Stored& stored);
  absl::Status Issue(absl::Time now);
  absl::Status Publish(absl::Time now);
  absl::Status PublishIn(const std::string& ns, const std::string& content);
  std::string Name() const;

  void Run();

  kube::ApiClient& api_;
  const Options options_;

  // One Refresh at a time.
  std::mutex refreshing_;
  std::optional<Authority> authority_;                 // guarded by refreshing_
  std::optional<Authority> issuer_;                    // of certificate_; guarded by refreshing_
  absl::btree_map<std::string, Published> published_;  // by namespace; guarded by refreshing_

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::shared_ptr<const ServerCertificate> certificate_;  // guarded by mutex_
  std::string bundle_;                                    // guarded by mutex_
  Health health_;                                         // guarded by mutex_
  Owners owners_;                                         // guarded by mutex_
  bool due_ = true;                                       // guarded by mutex_
  bool stopping_ = false;                                 // guarded by mutex_
  std::thread thread_;
};

}  // namespace portreeve::serve
