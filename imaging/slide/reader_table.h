#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "imaging/slide/slide_reader.h"

namespace imaging {

/// One row per reader, tried in this order. Explicit: no registration magic.
struct ReaderEntry {
  std::string_view name;
  std::string_view formats;  ///< for people: "Aperio SVS, Hamamatsu NDPI, ..."
  std::string (*version)();
  bool (*recognises)(
      const std::filesystem::path&);  ///< looks at the content, not at the name alone; never throws
  std::unique_ptr<SlideReader> (*open)(const std::filesystem::path&);
};

[[nodiscard]] std::span<const ReaderEntry> reader_table();

/// True if some reader recognises the file. Cheap; used to walk folders.
[[nodiscard]] bool is_readable_slide(const std::filesystem::path& path);

/// @throws Error  `not_found`; `io_error` where it may not be read or is a pipe, socket or device;
/// `unsupported_format` if it is empty or no reader recognises it (the message lists the formats);
///                `corrupt_data` if one does but cannot open it.
[[nodiscard]] std::unique_ptr<SlideReader> open_slide(const std::filesystem::path& path);

/// A scale as a person writes it: µm/px, or "pixels".
/// @param source  where it stands, recorded with it
/// @throws Error  `invalid_argument` on a value outside 0.01 to 100 µm/px.
[[nodiscard]] SlideScale scale_from_text(const std::string& text, std::string_view source);

/// The scale to work with: `--mpp M` (a number), `--mpp pixels` (1 µm per level-0 pixel by definition,
/// recorded as "pixels"), a table's value, or the file's own. Override beats table beats file.
/// @param option  what the front end calls the override, for the sentence that names the cures
/// @throws Error  `missing_scale` naming the three cures; `invalid_argument` on a value outside 0.01 to 100
/// µm/px.
[[nodiscard]] SlideScale resolve_scale(const SlideInfo& info, const std::optional<std::string>& override_mpp,
                                       const std::optional<std::string>& table_mpp,
                                       std::string_view option = "--mpp");

/// A sentence where the scale `used` is not the file's own and differs from it by more than 5 %.
[[nodiscard]] std::vector<std::string> scale_warnings(const SlideInfo& info, const SlideScale& used,
                                                      std::string_view option = "--mpp");

}  // namespace imaging
