// A turn for the others.
#pragma once

#include <boost/asio/post.hpp>

#include "dataplane/net/executor.h"

namespace portreeve::net {

// Goes on after what is ready to run on this worker, other connections' events among it: for loops that might never
// have to wait otherwise.
inline Awaitable<void> Yield(Executor executor) {
  co_await boost::asio::post(executor, kAwait);
}

}  // namespace portreeve::net
