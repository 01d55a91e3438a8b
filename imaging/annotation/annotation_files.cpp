#include "imaging/annotation/annotation_files.h"

#include <fmt/format.h>

#include "imaging/annotation/detail/unpack.h"
#include "imaging/base/error.h"
#include "imaging/base/files.h"

namespace imaging {
namespace {
constexpr std::uint64_t kMaxText = 512ULL << 20;
}  // namespace

AnnotationSet read_annotations(const std::filesystem::path& path) {
  const auto text = detail::unpack_text(read_file(path, kMaxText), path.string(), kMaxText);
  const auto first = text.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
  if (first != std::string::npos && text[first] == '<') return parse_asap_xml(text, path.string());
  if (first != std::string::npos && (text[first] == '{' || text[first] == '['))
    return parse_geojson(text, path.string());
  throw Error(ErrorCode::unsupported_format,
              fmt::format("{}: neither GeoJSON of QuPath nor XML of ASAP.", path.string()));
}

void write_annotations(const std::filesystem::path& path, const AnnotationSet& set) {
  if (path.extension() == ".xml") return write_file(path, to_asap_xml(set));
  const auto text = to_geojson(set);
  write_file(path, path.extension() == ".gz" ? detail::pack_gzip(text) : text);
}

}  // namespace imaging
