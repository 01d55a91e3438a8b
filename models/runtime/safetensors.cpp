#include "models/runtime/safetensors.h"

#include <fmt/format.h>
#include <torch/types.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

#include "imaging/base/error.h"
#include "imaging/base/files.h"
#include "imaging/base/json_text.h"

namespace models {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors and our reader are little-endian");

using imaging::Error;
using imaging::ErrorCode;
using nlohmann::json;

constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;
constexpr std::size_t kMaxRank = 16;

struct DtypeName {
  const char* name;
  torch::Dtype dtype;
};
constexpr std::array kDtypes{DtypeName{"F64", torch::kFloat64}, DtypeName{"F32", torch::kFloat32},
                             DtypeName{"F16", torch::kFloat16}, DtypeName{"BF16", torch::kBFloat16},
                             DtypeName{"I64", torch::kInt64},   DtypeName{"I32", torch::kInt32},
                             DtypeName{"I16", torch::kInt16},   DtypeName{"I8", torch::kInt8},
                             DtypeName{"U8", torch::kUInt8},    DtypeName{"BOOL", torch::kBool}};

/// One tensor as the header states it, checked against the size of the file.
struct Entry {
  std::string name;
  torch::Dtype dtype;
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

class HeaderReader {
 public:
  HeaderReader(const std::filesystem::path& path, std::uint64_t data_bytes)
      : path_(path), data_bytes_(data_bytes) {}

  std::vector<Entry> read(const std::string& text) const {
    const auto header = imaging::parse_json<json>(text, fmt::format("The header of {}", path_.string()));
    if (!header.is_object()) damaged("its header is not a JSON object");
    std::vector<Entry> entries;
    for (const auto& [name, value] : header.items()) {
      if (name != "__metadata__") entries.push_back(read_entry(name, value));
    }
    refuse_overlaps(entries);
    return entries;
  }

  [[noreturn]] void damaged(const std::string& what) const {
    throw Error(ErrorCode::corrupt_data,
                fmt::format("{} is not a valid safetensors file: {}.", path_.string(), what));
  }

 private:
  Entry read_entry(const std::string& name, const json& value) const {
    const auto wrong = [&](std::string_view what) { damaged(fmt::format("tensor '{}' has {}", name, what)); };
    if (!value.is_object()) wrong("no description");
    const auto dtype = value.find("dtype");
    const auto shape = value.find("shape");
    const auto offsets = value.find("data_offsets");
    if (dtype == value.end() || !dtype->is_string()) wrong("no dtype");
    if (shape == value.end() || !shape->is_array() || shape->size() > kMaxRank) wrong("no valid shape");
    if (offsets == value.end() || !offsets->is_array() || offsets->size() != 2)
      wrong("no valid data_offsets");

    Entry entry;
    entry.name = name;
    const auto known = std::find_if(kDtypes.begin(), kDtypes.end(),
                                    [&](const DtypeName& row) { return *dtype == row.name; });
    if (known == kDtypes.end()) wrong(fmt::format("the unknown dtype {}", dtype->dump()));
    entry.dtype = known->dtype;

    // A zero side must not hide that the others overflow torch's strides, so it counts as one in the bound.
    std::uint64_t bytes = c10::elementSize(entry.dtype);
    bool is_empty = false;
    for (const auto& side : *shape) {
      if (!side.is_number_unsigned()) wrong("a shape that is not of whole numbers");
      const auto size = side.get<std::uint64_t>();
      is_empty = is_empty || size == 0;
      if (bytes > (1ULL << 62) / std::max<std::uint64_t>(size, 1)) wrong("a shape beyond any file");
      bytes *= std::max<std::uint64_t>(size, 1);
      entry.shape.push_back(static_cast<std::int64_t>(size));
    }
    if (is_empty) bytes = 0;
    for (const auto& offset : *offsets) {
      if (!offset.is_number_unsigned()) wrong("data_offsets that are not whole numbers");
    }
    entry.begin = (*offsets)[0].get<std::uint64_t>();
    entry.end = (*offsets)[1].get<std::uint64_t>();
    if (entry.begin > entry.end || entry.end > data_bytes_) wrong("a range outside the file");
    if (entry.end - entry.begin != bytes) {
      wrong(fmt::format("{} bytes where its shape needs {}", entry.end - entry.begin, bytes));
    }
    return entry;
  }

  void refuse_overlaps(const std::vector<Entry>& entries) const {
    std::vector<const Entry*> order;
    for (const auto& entry : entries) {
      if (entry.begin < entry.end) order.push_back(&entry);
    }
    std::sort(order.begin(), order.end(), [](const Entry* a, const Entry* b) { return a->begin < b->begin; });
    for (std::size_t i = 1; i < order.size(); ++i) {
      if (order[i]->begin < order[i - 1]->end) {
        damaged(fmt::format("tensors '{}' and '{}' overlap", order[i - 1]->name, order[i]->name));
      }
    }
  }

  const std::filesystem::path& path_;
  std::uint64_t data_bytes_;
};

const char* dtype_name(const std::filesystem::path& path, const std::string& name, torch::Dtype dtype) {
  for (const auto& row : kDtypes) {
    if (row.dtype == dtype) return row.name;
  }
  throw Error(ErrorCode::invalid_argument,
              fmt::format("Tensor '{}' for {} is of type {}, which safetensors has not.", name, path.string(),
                          c10::toString(dtype)));
}

/// The JSON header of a file, which is left at its data.
std::string read_header_text(const std::filesystem::path& path, std::ifstream& file,
                             std::uint64_t& data_bytes) {
  std::error_code status;
  const auto file_bytes = std::filesystem::file_size(path, status);
  if (status)
    throw Error(ErrorCode::not_found, fmt::format("{} does not exist or is no file.", path.string()));
  file.open(path, std::ios::binary);
  if (!file) throw Error(ErrorCode::io_error, fmt::format("{} cannot be read.", path.string()));

  std::uint64_t header_bytes = 0;
  const HeaderReader unsized(path, 0);
  if (file_bytes < sizeof header_bytes) unsized.damaged("it is shorter than eight bytes");
  file.read(reinterpret_cast<char*>(&header_bytes), sizeof header_bytes);
  if (header_bytes > kMaxHeaderBytes)
    unsized.damaged(fmt::format("its header claims {} bytes", header_bytes));
  if (header_bytes > file_bytes - sizeof header_bytes) unsized.damaged("its header is longer than the file");

  std::string text(header_bytes, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  data_bytes = file_bytes - sizeof header_bytes - header_bytes;
  return text;
}

}  // namespace

TensorMap read_safetensors(const std::filesystem::path& path) {
  std::ifstream file;
  std::uint64_t data_bytes = 0;
  const auto text = read_header_text(path, file, data_bytes);
  const auto data_start = sizeof(std::uint64_t) + text.size();
  const HeaderReader reader(path, data_bytes);
  TensorMap tensors;
  for (const auto& entry : reader.read(text)) {
    auto tensor = torch::empty(entry.shape, entry.dtype);
    file.seekg(static_cast<std::streamoff>(data_start + entry.begin));
    file.read(static_cast<char*>(tensor.data_ptr()), static_cast<std::streamsize>(entry.end - entry.begin));
    if (!file) throw Error(ErrorCode::io_error, fmt::format("{} cannot be read to its end.", path.string()));
    tensors.emplace(entry.name, std::move(tensor));
  }
  return tensors;
}

std::map<std::string, std::string> read_safetensors_metadata(const std::filesystem::path& path) {
  std::ifstream file;
  std::uint64_t data_bytes = 0;
  const auto text = read_header_text(path, file, data_bytes);
  (void)HeaderReader(path, data_bytes).read(text);  // refuses a damaged header
  const auto header = json::parse(text);
  std::map<std::string, std::string> metadata;
  const auto found = header.find("__metadata__");
  if (found == header.end() || !found->is_object()) return metadata;
  for (const auto& [name, value] : found->items()) {
    if (value.is_string()) metadata[name] = value.get<std::string>();
  }
  return metadata;
}

void write_safetensors(const std::filesystem::path& path, const TensorMap& tensors,
                       const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::vector<torch::Tensor> copies;
  std::uint64_t offset = 0;
  for (const auto& [name, tensor] : tensors) {
    copies.push_back(tensor.detach().to(torch::kCPU).contiguous());
    const auto bytes = copies.back().nbytes();
    header[name] = {{"dtype", dtype_name(path, name, tensor.scalar_type())},
                    {"shape", copies.back().sizes().vec()},
                    {"data_offsets", {offset, offset + bytes}}};
    offset += bytes;
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const json::exception&) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("A tensor name for {} is not valid UTF-8.", path.string()));
  }
  text.resize((text.size() + 7) / 8 * 8, ' ');

  imaging::AtomicFile target(path);
  std::ofstream file(target.temporary_path(), std::ios::binary);
  const std::uint64_t header_bytes = text.size();
  file.write(reinterpret_cast<const char*>(&header_bytes), sizeof header_bytes);
  file.write(text.data(), static_cast<std::streamsize>(text.size()));
  for (const auto& copy : copies) {
    file.write(static_cast<const char*>(copy.data_ptr()), static_cast<std::streamsize>(copy.nbytes()));
  }
  file.close();
  if (!file) throw Error(ErrorCode::io_error, fmt::format("{} cannot be written.", path.string()));
  target.commit();
}

}  // namespace models
