#include "imaging/slide/detail/volume_file.h"
#include "tests/fuzz/fuzz_support.h"

/// What is asked of a MetaImage or NIfTI before ITK opens it: as both, whatever it begins with.
void fuzz::volume_header(Bytes bytes) {
  constexpr std::uint64_t kSampleBytes = 4096;
  const auto meta = as_file("volume.mha", bytes);
  if (const auto header = imaging::detail::read_meta_header(meta)) {
    require(header->end <= bytes.size(), "a header that ends behind its file");
    (void)imaging::detail::numbers_of(header->field("ElementSpacing"));
    accept_refusal([&] { imaging::detail::check_meta_file(meta, *header); });
  }
  const auto nifti = as_file("volume.nii", bytes);
  if (const auto start = imaging::detail::read_nifti_start(nifti)) {
    require(start->unit_mm() >= 0, "a unit below 0");
    accept_refusal([&] { imaging::detail::check_nifti_kind(nifti, *start); });
    accept_refusal([&] { imaging::detail::check_nifti_end(nifti, *start, kSampleBytes); });
  }
}
