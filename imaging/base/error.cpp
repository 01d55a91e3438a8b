#include "imaging/base/error.h"

namespace imaging {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument:
      return "invalid_argument";
    case ErrorCode::not_found:
      return "not_found";
    case ErrorCode::unsupported_format:
      return "unsupported_format";
    case ErrorCode::corrupt_data:
      return "corrupt_data";
    case ErrorCode::missing_scale:
      return "missing_scale";
    case ErrorCode::scale_mismatch:
      return "scale_mismatch";
    case ErrorCode::not_brightfield:
      return "not_brightfield";
    case ErrorCode::no_tissue:
      return "no_tissue";
    case ErrorCode::insufficient_data:
      return "insufficient_data";
    case ErrorCode::hash_mismatch:
      return "hash_mismatch";
    case ErrorCode::incompatible:
      return "incompatible";
    case ErrorCode::io_error:
      return "io_error";
    case ErrorCode::resource_exhausted:
      return "resource_exhausted";
    case ErrorCode::internal:
      return "internal";
  }
  return "internal";
}

}  // namespace imaging
