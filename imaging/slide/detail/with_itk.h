#pragma once

#include <itkMacro.h>
#include <itkObject.h>

#include <algorithm>
#include <filesystem>
#include <new>
#include <string>

#include "imaging/base/error.h"
#include "imaging/slide/row_decoder.h"

namespace imaging::detail {

/// Runs ITK with its messages off and its exceptions made ours. @throws Error; std::bad_alloc
template <typename Work>
auto with_itk(const std::filesystem::path& path, const Work& work) {
  itk::Object::GlobalWarningDisplayOff();
  try {
    return work();
  } catch (const itk::MemoryAllocationError&) {
    throw std::bad_alloc();
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const itk::ExceptionObject& error) {
    std::string why = error.GetDescription();
    std::replace(why.begin(), why.end(), '\n', ' ');
    const auto first = why.find_first_not_of(' ');
    refuse_damaged(path, first == std::string::npos
                             ? "ITK does not say why"
                             : why.substr(first, why.find_last_not_of(' ') - first + 1));
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    refuse_damaged(path, error.what());
  }
}

}  // namespace imaging::detail
