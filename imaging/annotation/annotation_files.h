#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "imaging/annotation/annotation.h"

namespace imaging {

/// Annotation files of QuPath (GeoJSON) and of ASAP (XML), read and written without loss: what we do not
/// understand of a feature is kept and written back.

/// QuPath GeoJSON: a FeatureCollection, an array of features, one feature or a bare geometry, with every
/// older spelling of the properties (`object_type`, `type`; classes as text or with `names`; packed colours;
/// measurements as a list; `children`). A third coordinate is dropped. Nested children come after their
/// parent. What has no geometry that can be painted is left out, with a warning.
///
/// @param source_name  what messages call the text, a path as a rule
/// @throws Error       `corrupt_data`: no JSON, not GeoJSON, nesting beyond 64 levels, a key twice in an
///                     object (but for `metadata`, which QuPath itself writes twice), coordinates that are
///                     not finite
/// @par Cost           Linear; about 20 times the text in memory while it is read.
[[nodiscard]] AnnotationSet parse_geojson(std::string_view text, std::string_view source_name);

/// A FeatureCollection as today's QuPath writes it, one feature a line, coordinates with all their digits.
/// Never a GeometryCollection. Notes are QuPath's description (`metadata.ANNOTATION_DESCRIPTION`).
[[nodiscard]] std::string to_geojson(const AnnotationSet& set);

/// ASAP's XML; the root element may be absent. `Order` is a sort key, never an index.
/// @throws Error  `corrupt_data`: no XML, a document type, nesting beyond 64 levels, coordinates that are no
///                numbers
[[nodiscard]] AnnotationSet parse_asap_xml(std::string_view text, std::string_view source_name);

/// ASAP knows no holes: a hole is a polygon of the group "<class> holes". What else ASAP does not know
/// (notes, measurements, which rings belong together) stands in attributes that it ignores and that
/// parse_asap_xml reads. Every group that is named exists, or ASAP would refuse the file.
[[nodiscard]] std::string to_asap_xml(const AnnotationSet& set);

/// Reads either kind by its content, also as .gz and as the first .geojson or .json of a .zip.
/// @throws Error  as above, `not_found`, `io_error`; `resource_exhausted` above 512 MB of text;
///                `unsupported_format`.
[[nodiscard]] AnnotationSet read_annotations(const std::filesystem::path& path);

/// Writes by extension: .xml for ASAP, .gz for compressed GeoJSON, else GeoJSON. Whole or not at all.
/// @throws Error  `io_error`.
void write_annotations(const std::filesystem::path& path, const AnnotationSet& set);

}  // namespace imaging
