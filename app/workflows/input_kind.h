#pragma once

#include <string>

#include "imaging/slide/slide_reader.h"

namespace workflows {

/// True for a DICOM that names an eye, and for a flat picture in which the round field of a fundus camera is
/// found. A picture that the retina fills to its corners is not recognised, nor is one that does not decode.
/// @par Cost      One overview of a flat picture; nothing for a slide.
[[nodiscard]] bool shows_fundus(const imaging::SlideReader& reader);

/// Refuses a photograph of the retina where a model for slides is at work.
/// @throws Error  `incompatible` naming the file and the model.
/// @par Cost      As shows_fundus.
void refuse_fundus(const imaging::SlideReader& reader, const std::string& model);

/// Refuses a slide where a model for photographs of the retina is at work: what a slide scanner wrote, or
/// a file that states a microscope's magnification.
/// @throws Error  `incompatible` naming the file and the model.
void refuse_slide(const imaging::SlideInfo& info, const std::string& model);

}  // namespace workflows
