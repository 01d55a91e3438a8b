#include "imaging/base/job.h"

#include <new>

namespace imaging {

JobOutcome outcome_of_current_exception() noexcept {
  try {
    throw;
  } catch (const Cancelled&) {
    return {JobStatus::cancelled, std::nullopt, "cancelled"};
  } catch (const Error& error) {
    return {JobStatus::failed, error.code(), error.what()};
  } catch (const std::bad_alloc&) {
    return {JobStatus::failed, ErrorCode::resource_exhausted,
            "Out of memory; close other programs or use smaller tiles or batches."};
  } catch (const std::exception& error) {
    return {JobStatus::failed, ErrorCode::internal, error.what()};
  } catch (...) {
    return {JobStatus::failed, ErrorCode::internal, "An unknown error was thrown."};
  }
}

JobOutcome run_job(const JobBody& body, const JobContext& context) noexcept {
  try {
    body(context);
    return {};
  } catch (...) {
    return outcome_of_current_exception();
  }
}

}  // namespace imaging
