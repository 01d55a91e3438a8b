#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "imaging/slide/slide_reader.h"

namespace imaging {

/// Version of the OpenSlide library in use.
[[nodiscard]] std::string openslide_version();

/// True if OpenSlide knows the file's vendor. Looks at the content. Never throws.
[[nodiscard]] bool openslide_recognises(const std::filesystem::path& path);

/// Opens a slide through OpenSlide. Damaged levels do not prevent opening.
///
/// The scale comes from openslide.mpp-x/y, else from the TIFF resolution tags (physical unit, 0.05 to 20
/// µm/px). Sources that differ by more than 5 % and values out of range become warnings; the objective power
/// is never used.
///
/// An OpenSlide handle that met an error answers no further call. A read that fails therefore reopens the
/// file and retries once, alone (no other thread can spoil the new handle meanwhile), and leaves a fresh
/// handle behind.
///
/// @throws Error  `not_found`; `unsupported_format` if OpenSlide does not recognise the file; `corrupt_data`
/// if it
///                does but cannot open it.
/// @par Threads   Reads run concurrently; a retry waits for the others and runs alone.
[[nodiscard]] std::unique_ptr<SlideReader> open_with_openslide(const std::filesystem::path& path);

}  // namespace imaging
