// What nghttp2 tells an Http2Session, and how the session is set up.
#pragma once

#include "dataplane/http/limits.h"

struct nghttp2_session;

namespace portreeve::codec {

class Http2Session;

// A server session whose callbacks go to `owner`, which outlives it. Aborts without memory.
nghttp2_session* NewServerSession(Http2Session& owner);

// Our SETTINGS and the window of the connection.
void SubmitSettings(nghttp2_session* session, const http::Limits& limits);

// The PING whose answer says that the client has seen what was sent before.
void SubmitDrainPing(nghttp2_session* session);

}  // namespace portreeve::codec
