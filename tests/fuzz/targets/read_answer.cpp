#include "imaging/slide/detail/read_protocol.h"
#include "tests/fuzz/fuzz_support.h"

/// What a reading process may answer: a message behind its length, taken as every kind of answer.
void fuzz::read_answer(Bytes bytes) {
  namespace detail = imaging::detail;
  const auto all = as_text(bytes);
  const auto refusable = [](const auto& parse) {
    try {
      accept_refusal(parse);
    } catch (const detail::WorkerFailure&) {
    }
  };
  refusable([&] {
    const auto length = detail::message_length(std::string_view(all).substr(0, 4));
    const auto answer = detail::decode_message(std::string_view(all).substr(4, length));
    refusable([&] { detail::throw_if_failed(answer); });
    refusable([&] {
      const auto size = detail::size_from_message(answer);
      require(size.width * size.height <= detail::kMaxImagePixels, "an image above the limit");
    });
    refusable([&] {
      const auto info = detail::info_from_message(answer);
      const auto again = detail::info_from_message(detail::to_message(info));
      require(!again.levels.empty() && again.properties == info.properties, "facts lost on the way");
    });
  });
}
