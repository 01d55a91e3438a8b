#pragma once

#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>

namespace imaging {

/// The short list of ways to fail. A caller acts on the code, a person reads the message.
enum class ErrorCode {
  invalid_argument,    ///< an option or call outside its range: exit code 2
  not_found,           ///< a file or folder does not exist
  unsupported_format,  ///< no reader recognises the file
  corrupt_data,        ///< recognised, but its content is damaged
  missing_scale,       ///< µm per pixel unknown and not given
  scale_mismatch,      ///< µm per pixel outside what the model accepts
  not_brightfield,     ///< the analysis needs brightfield; the image is not
  no_tissue,           ///< no tile holds enough tissue
  insufficient_data,   ///< too few samples for a trustworthy answer
  hash_mismatch,       ///< a file's sha256 is not the one stated
  incompatible,        ///< dimensions, encoder or architecture do not fit together
  io_error,            ///< reading or writing failed (permission, full disk)
  resource_exhausted,  ///< would need more memory than allowed
  internal,            ///< our own mistake: exit code 1
};

[[nodiscard]] std::string_view to_string(ErrorCode code);

/// Failure to do the job. The message is one sentence with the path, the value and the cure.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  [[nodiscard]] ErrorCode code() const noexcept { return code_; }

 private:
  ErrorCode code_;
};

/// A requested stop took effect. Not an Error: nothing failed.
class Cancelled : public std::exception {
 public:
  [[nodiscard]] const char* what() const noexcept override { return "cancelled"; }
};

}  // namespace imaging
