#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "imaging/base/geometry.h"

struct jpeg_decompress_struct;
struct jpeg_progress_mgr;

namespace imaging::detail {

/// Makes a JPEG of more than 100 scans fail through its error handler, as libtiff does: a progressive file of
/// endless empty scans takes hours. Call between jpeg_read_header and jpeg_start_decompress.
/// @param progress  must live as long as `jpeg`
void limit_scans(jpeg_decompress_struct& jpeg, jpeg_progress_mgr& progress);

/// Version of the JPEG library.
[[nodiscard]] std::string libjpeg_turbo_version();

/// What a TIFF says of its JPEG tiles.
struct JpegTileForm {
  SizeI size;                            ///< of the decoded tile
  bool is_ycbcr = true;                  ///< else RGB; the TIFF's word counts, not the JPEG's markers
  std::span<const std::uint8_t> tables;  ///< the TIFF's JPEGTables; empty where each tile brings its own
};

/// Decodes one tile as OpenSlide 3.4.1 does: accurate integer transform, smooth chroma, and any warning of
/// the decoder (data that ends early or does not decode) counts as damage, so no grey is made up.
///
/// @param data  the tile's bytes in the file
/// @param rgb   its first pixel; size.height rows of size.width x 3, `row_bytes` apart; where decoding failed
///              they hold no picture
/// @return      why it failed; empty where it did not. More than 100 scans and other sizes are refused.
/// @par Threads Reentrant: nothing outlives the call.
[[nodiscard]] std::string decode_jpeg_tile(const JpegTileForm& form, std::span<const std::uint8_t> data,
                                           std::uint8_t* rgb, std::size_t row_bytes);

}  // namespace imaging::detail
