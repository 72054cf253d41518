// What the tests of the codecs share.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dataplane/codec/http1_client.h"
#include "dataplane/codec/http1_server.h"
#include "dataplane/net/fake_transport.h"

namespace portreeve::codec::testing {

struct MessageRow {
  std::string verdict;
  std::string bytes;
};

// Reads dataplane/codec/testdata/NAME: see the head of those files.
std::vector<MessageRow> ReadMessageTable(const std::string& name);

// "dump" of a list, a line each: "name: value\n".
std::string Dump(const http::HeaderList& headers);

enum class Cut { kNone, kBytewise };

// Opens a transport that brings these bytes and then the end.
void FeedAll(net::FakeTransport& transport, std::string_view bytes, Cut cut);

struct BodyResult {
  std::string bytes;
  http::Failure failure;
};

// Pulls a body to its end or its failure, from either side.
template <typename Stream>
BodyResult PullBody(net::TestLoop& loop, Stream& stream) {
  BodyResult result;
  while (true) {
    BodyPiece piece;
    if (!stream.TryReadBody(piece)) {
      const auto waited = loop.Run(stream.ReadBody());
      if (!waited) break;
      piece = *waited;
    }
    result.bytes += piece.bytes;
    result.failure = piece.failure;
    if (piece.end || piece.failure) break;
  }
  return result;
}

// The word for a failure, "ok" for none.
std::string Word(http::Failure failure);

}  // namespace portreeve::codec::testing
