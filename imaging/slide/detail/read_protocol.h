#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "imaging/slide/slide_reader.h"

namespace imaging::detail {

/// What a reading process and the program that started it say to each other: CBOR objects, each behind its
/// length (four bytes, native order: both ends are on one machine). Pixels go through shared memory.
///
///     open        path                        -> info, version (of Tessera)
///     region      x, y, level, width, height  -> width, height (RGB8 in the shared memory)
///     associated  name                        -> width, height
///
/// A request names itself in `ask`. Every answer has `failed`: null, or `code` and `message` of an Error.
using Message = nlohmann::json;

/// The reading process hung, died or answered what is no answer; it is of no more use.
struct WorkerFailure {
  std::string reason;  ///< "timed out after 30 s"
  bool has_timed_out = false;
};

inline constexpr int kSocketFd = 3;  ///< in the reading process
inline constexpr int kMemoryFd = 4;

inline constexpr std::uint32_t kMaxMessageBytes = 64U << 20;
inline constexpr std::int64_t kMaxImagePixels = std::int64_t{1} << 28;

/// The bytes that go over the socket.
[[nodiscard]] std::string encode_message(const Message& message);
/// The length that the first four bytes state. @throws WorkerFailure above kMaxMessageBytes.
[[nodiscard]] std::uint32_t message_length(std::string_view head);
/// @param body  without the length
/// @throws WorkerFailure where it is not one object in CBOR.
[[nodiscard]] Message decode_message(std::string_view body);

/// The version of Tessera that the answer to "open" states; empty where it states none.
/// @throws WorkerFailure where it is no text.
[[nodiscard]] std::string version_from_message(const Message& answer);
/// @throws WorkerFailure where the answer lacks it.
[[nodiscard]] const Message& part_of_message(const Message& answer, const char* name);
/// @throws WorkerFailure where a field is missing or has a wrong type, or no level is left.
[[nodiscard]] SlideInfo info_from_message(const Message& message);
[[nodiscard]] Message to_message(const SlideInfo& info);

/// Throws what `failed` of an answer says, if it says something. @throws Error; WorkerFailure
void throw_if_failed(const Message& answer);
/// The size that an answer states. @throws WorkerFailure unless it is 1 to kMaxImagePixels pixels.
[[nodiscard]] SizeI size_from_message(const Message& answer);

}  // namespace imaging::detail
