#include "imaging/slide/detail/read_protocol.h"

#include <fmt/format.h>

#include <cstring>

#include "imaging/base/error.h"

namespace imaging::detail {
namespace {

[[noreturn]] void refuse(const std::string& why) {
  throw WorkerFailure{fmt::format("the reading process gave an answer that is none ({})", why)};
}

/// `parse` with the library's exceptions turned into ours.
template <typename Parse>
decltype(auto) parsed(const Parse& parse) {
  try {
    return parse();
  } catch (const Message::exception& error) {
    refuse(error.what());
  }
}

template <typename T>
Message optional_to_message(const std::optional<T>& value) {
  return value ? Message(*value) : Message();
}

template <typename T>
std::optional<T> optional_from_message(const Message& message) {
  return message.is_null() ? std::nullopt : std::optional(message.get<T>());
}

}  // namespace

std::string encode_message(const Message& message) {
  std::string bytes(sizeof(std::uint32_t), '\0');
  Message::to_cbor(message, bytes);
  const auto length = static_cast<std::uint32_t>(bytes.size() - sizeof(std::uint32_t));
  std::memcpy(bytes.data(), &length, sizeof length);
  return bytes;
}

std::uint32_t message_length(std::string_view head) {
  std::uint32_t length = 0;
  if (head.size() != sizeof length) refuse(fmt::format("a length of {} bytes", head.size()));
  std::memcpy(&length, head.data(), sizeof length);
  if (length > kMaxMessageBytes) refuse(fmt::format("{} bytes long", length));
  return length;
}

Message decode_message(std::string_view body) {
  auto message = parsed([&] { return Message::from_cbor(body); });
  if (!message.is_object()) refuse("not an object");
  return message;
}

std::string version_from_message(const Message& answer) {
  return parsed([&] { return answer.value("version", std::string()); });
}

const Message& part_of_message(const Message& answer, const char* name) {
  return parsed([&]() -> const Message& { return answer.at(name); });
}

Message to_message(const SlideInfo& info) {
  // Bound by number, so that a new member does not compile until it travels too.
  const auto& [path, reader, reader_version, vendor, levels, scale, objective_power, laterality, warnings,
               properties, associated_images] = info;
  Message message{{"path", path.string()},
                  {"reader", reader},
                  {"reader_version", reader_version},
                  {"vendor", vendor},
                  {"levels", Message::array()},
                  {"scale", nullptr},
                  {"objective_power", optional_to_message(objective_power)},
                  {"laterality", optional_to_message(laterality)},
                  {"warnings", warnings},
                  {"properties", properties},
                  {"associated_images", associated_images}};
  for (const auto& level : levels) message["levels"].push_back({level.width, level.height, level.downsample});
  if (scale) message["scale"] = {scale->mpp_x, scale->mpp_y, scale->source};
  return message;
}

SlideInfo info_from_message(const Message& message) {
  return parsed([&] {
    SlideInfo info;
    info.path = message.at("path").get<std::string>();
    message.at("reader").get_to(info.reader);
    message.at("reader_version").get_to(info.reader_version);
    message.at("vendor").get_to(info.vendor);
    for (const auto& level : message.at("levels")) {
      info.levels.push_back(
          {level.at(0).get<std::int64_t>(), level.at(1).get<std::int64_t>(), level.at(2).get<double>()});
    }
    if (info.levels.empty()) refuse("no levels");
    if (const auto& scale = message.at("scale"); !scale.is_null())
      info.scale = {scale.at(0).get<double>(), scale.at(1).get<double>(), scale.at(2).get<std::string>()};
    info.objective_power = optional_from_message<double>(message.at("objective_power"));
    info.laterality = optional_from_message<std::string>(message.at("laterality"));
    message.at("warnings").get_to(info.warnings);
    message.at("properties").get_to(info.properties);
    message.at("associated_images").get_to(info.associated_images);
    return info;
  });
}

void throw_if_failed(const Message& answer) {
  const auto [code, text] = parsed([&]() -> std::pair<int, std::string> {
    const auto& failed = answer.at("failed");
    if (failed.is_null()) return {-1, ""};
    return {failed.at("code").get<int>(), failed.at("message").get<std::string>()};
  });
  if (code == -1) return;
  if (code < 0 || code > static_cast<int>(ErrorCode::internal)) refuse(fmt::format("error code {}", code));
  throw Error(static_cast<ErrorCode>(code), text);
}

SizeI size_from_message(const Message& answer) {
  const auto size = parsed([&] {
    return SizeI{answer.at("width").get<std::int64_t>(), answer.at("height").get<std::int64_t>()};
  });
  if (size.width <= 0 || size.height <= 0 || size.width > kMaxImagePixels / size.height)
    refuse(fmt::format("an image of {} x {} pixels", size.width, size.height));
  return size;
}

}  // namespace imaging::detail
