#pragma once

#include <cstdint>
#include <span>

/// One function per parser we own. Each feeds the bytes to the parser and returns where the parser either
/// understood them or refused them with an imaging::Error; anything else that it throws or does is a finding.
namespace fuzz {

using Bytes = std::span<const std::uint8_t>;

void annotations(Bytes bytes);
void bag_h5(Bytes bytes);
void bag_pt(Bytes bytes);
void config(Bytes bytes);
void csv(Bytes bytes);
void geojson(Bytes bytes);
void glob(Bytes bytes);
void labels(Bytes bytes);
void manifest(Bytes bytes);
void options(Bytes bytes);
void package_zip(Bytes bytes);
void picture(Bytes bytes);
void pth(Bytes bytes);
void read_answer(Bytes bytes);
void result(Bytes bytes);
void safetensors(Bytes bytes);
void scale(Bytes bytes);
void split(Bytes bytes);
void tiff(Bytes bytes);
void volume_header(Bytes bytes);

}  // namespace fuzz
