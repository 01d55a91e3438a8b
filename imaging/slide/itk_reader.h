#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "imaging/slide/slide_reader.h"

namespace imaging {

/// Versions of the decoding libraries.
[[nodiscard]] std::string itk_reader_version();

/// True for DICOM, MetaImage (MHA, MHD) and NIfTI (plain or gzipped), by content. Never throws.
[[nodiscard]] bool itk_recognises(const std::filesystem::path& path);

/// Opens a 2-D medical image as a slide: DICOM through GDCM, MetaImage and NIfTI through ITK. Rules:
/// - one frame or slice; several are refused with their number, radiological slices (CT, MR, PT, NM)
///   and whole-slide DICOM by name before any pixel is read;
/// - 8 and 16 bits, grey or RGB; DICOM also palette, YBR and MONOCHROME1; 32-bit and floating-point
///   samples are refused;
/// - a window that a grey DICOM states is applied (linear, after rescaling); other 16-bit samples
///   become 8-bit by the rule of SampleCounts, negative ones lifted to 0 first; warnings say what was
///   mapped and lifted;
/// - DICOM's PixelSpacing gives the scale as "dicom.pixel_spacing", a spacing that a MetaImage states
///   or that a NIfTI states with its unit as "itk.spacing", both only within 0.05 to 20 µm/px
///   (MetaImage counts in mm);
/// - DICOM's ImageLaterality, else Laterality, gives the eye;
/// - rows are shown as stored, whatever direction cosines say;
/// - `properties` holds what the device says of the image, nothing of the patient;
/// - a detached data file must lie beside its header.
///
/// The libraries run in a process of their own for as long as the file is decoded (60 s at most): what
/// crashes or hangs them is an error here. Nothing is printed and no thread is started.
///
/// @throws Error  `unsupported_format` on what is refused above; `corrupt_data`; `resource_exhausted`
///                above kMaxStoredPixels, where memory runs out and where no process can be made.
/// @par Threads   All reads may run concurrently.
[[nodiscard]] std::unique_ptr<SlideReader> open_with_itk(const std::filesystem::path& path);

}  // namespace imaging
