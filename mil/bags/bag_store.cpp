#include "mil/bags/bag_store.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <hdf5.h>

#include <algorithm>
#include <array>
#include <functional>
#include <future>
#include <mutex>
#include <numeric>
#include <utility>

#include "imaging/base/error.h"
#include "imaging/base/files.h"
#include "mil/bags/bag_tensor.h"
#include "mil/bags/hdf5_texts.h"
#include "mil/bags/torch_bag.h"

namespace mil {
namespace fs = std::filesystem;
namespace {

using imaging::Error;
using imaging::ErrorCode;

constexpr hsize_t kChunkRows = 512;
constexpr hsize_t kMaxPlainChunkRows = 1 << 20;
constexpr std::int64_t kBlockBytes = 24 << 20;  // read at a time, while the block before is checked

/// An HDF5 identifier with the call that closes it.
class Handle {
 public:
  using Close = herr_t (*)(hid_t);
  Handle() = default;
  Handle(hid_t id, Close close) : id_(id), close_(close) {}
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(close_, other.close_);
    return *this;
  }
  ~Handle() {
    if (id_ >= 0) close_(id_);
  }
  [[nodiscard]] hid_t id() const { return id_; }
  [[nodiscard]] bool is_open() const { return id_ >= 0; }

 private:
  hid_t id_ = -1;
  Close close_ = nullptr;
};

/// The distribution's HDF5 is not thread-safe: every use holds this lock. Its own printing of errors is
/// turned off.
class Hdf5Session {
 public:
  Hdf5Session() : lock_(mutex()) { H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr); }

 private:
  static std::mutex& mutex() {
    static std::mutex only;
    return only;
  }
  std::scoped_lock<std::mutex> lock_;
};

herr_t keep_description(unsigned, const H5E_error2_t* error, void* text) {
  if (error->desc != nullptr && *error->desc != '\0') *static_cast<std::string*>(text) = error->desc;
  return 0;
}

/// What the library said, innermost first; then forgets it.
std::string hdf5_reason() {
  std::string text = "HDF5 gives no reason";
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, &keep_description, &text);
  H5Eclear2(H5E_DEFAULT);
  return text;
}

[[noreturn]] void fail(ErrorCode code, const fs::path& path, const std::string& what) {
  throw Error(code, fmt::format("{}: {}.", path.string(), what));
}

/// For calls that make a file or change it.
void must(herr_t status, const fs::path& path) {
  if (status < 0) fail(ErrorCode::io_error, path, fmt::format("cannot be written ({})", hdf5_reason()));
}
Handle must(hid_t id, Handle::Close close, const fs::path& path) {
  if (id < 0) fail(ErrorCode::io_error, path, fmt::format("cannot be written ({})", hdf5_reason()));
  return {id, close};
}

// ---------------------------------------------------------------------------------------------- writing

/// Variable length and UTF-8, which Python's readers give back as str.
Handle string_type(const fs::path& path) {
  auto type = must(H5Tcopy(H5T_C_S1), &H5Tclose, path);
  must(H5Tset_size(type.id(), H5T_VARIABLE), path);
  must(H5Tset_cset(type.id(), H5T_CSET_UTF8), path);
  return type;
}

void write_attribute(hid_t object, const std::string& name, hid_t stored, hid_t memory, const Handle& space,
                     const void* value, const fs::path& path) {
  const auto attribute =
      must(H5Acreate2(object, name.c_str(), stored, space.id(), H5P_DEFAULT, H5P_DEFAULT), &H5Aclose, path);
  must(H5Awrite(attribute.id(), memory, value), path);
}

Handle scalar_space(const fs::path& path) {
  return must(H5Screate(H5S_SCALAR), &H5Sclose, path);
}
Handle list_space(std::size_t size, const fs::path& path) {
  const hsize_t length = size;
  return must(H5Screate_simple(1, &length, nullptr), &H5Sclose, path);
}

void write_text(hid_t object, const std::string& name, const std::string& value, const fs::path& path) {
  const auto type = string_type(path);
  const char* text = value.c_str();
  write_attribute(object, name, type.id(), type.id(), scalar_space(path), &text, path);
}

void write_value(hid_t object, const std::string& name, const CoordsAttribute& value, const fs::path& path) {
  if (const auto* text = std::get_if<std::string>(&value)) {
    write_text(object, name, *text, path);
  } else if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    write_attribute(object, name, H5T_STD_I64LE, H5T_NATIVE_INT64, scalar_space(path), integer, path);
  } else if (const auto* number = std::get_if<double>(&value)) {
    write_attribute(object, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, scalar_space(path), number, path);
  } else {
    const auto& list = std::get<std::vector<double>>(value);
    write_attribute(object, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, list_space(list.size(), path),
                    list.data(), path);
  }
}

/// A [rows, columns] dataset to be filled, chunked by rows, the first axis growable as CLAM's is.
Handle create_matrix(const Handle& file, const char* name, std::int64_t rows, std::int64_t columns,
                     hid_t stored, const fs::path& path) {
  const std::array<hsize_t, 2> size = {static_cast<hsize_t>(rows), static_cast<hsize_t>(columns)};
  const std::array<hsize_t, 2> limit = {H5S_UNLIMITED, size[1]};
  const std::array<hsize_t, 2> chunk = {std::clamp<hsize_t>(size[0], 1, kChunkRows), size[1]};
  const auto space = must(H5Screate_simple(2, size.data(), limit.data()), &H5Sclose, path);
  const auto creation = must(H5Pcreate(H5P_DATASET_CREATE), &H5Pclose, path);
  must(H5Pset_chunk(creation.id(), 2, chunk.data()), path);
  must(H5Pset_fill_time(creation.id(), H5D_FILL_TIME_NEVER), path);
  must(H5Pset_obj_track_times(creation.id(), false), path);
  return must(H5Dcreate2(file.id(), name, stored, space.id(), H5P_DEFAULT, creation.id(), H5P_DEFAULT),
              &H5Dclose, path);
}

Handle write_matrix(const Handle& file, const char* name, std::int64_t rows, std::int64_t columns,
                    hid_t stored, hid_t memory, const void* values, const fs::path& path) {
  auto dataset = create_matrix(file, name, rows, columns, stored, path);
  if (rows > 0) must(H5Dwrite(dataset.id(), memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, values), path);
  return dataset;
}

Handle create_file(const fs::path& path) {
  const auto creation = must(H5Pcreate(H5P_FILE_CREATE), &H5Pclose, path);
  must(H5Pset_obj_track_times(creation.id(), false), path);
  return must(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, creation.id(), H5P_DEFAULT), &H5Fclose, path);
}

void write_coords_dataset(const Handle& file, const std::vector<std::int64_t>& coords,
                          const std::map<std::string, CoordsAttribute>& attributes, const fs::path& path) {
  const auto dataset = write_matrix(file, "coords", static_cast<std::int64_t>(coords.size() / 2), 2,
                                    H5T_STD_I64LE, H5T_NATIVE_INT64, coords.data(), path);
  for (const auto& [name, value] : attributes) write_value(dataset.id(), name, value, path);
}

void write_scores_dataset(const Handle& file, const TileScores& scores, std::int64_t count,
                          const fs::path& path) {
  const auto columns = static_cast<std::int64_t>(scores.names.size());
  if (columns == 0 || static_cast<std::int64_t>(scores.values.size()) != count * columns) {
    fail(ErrorCode::invalid_argument, path,
         fmt::format("{} scores do not make {} rows of {}", scores.values.size(), count, columns));
  }
  const auto dataset = write_matrix(file, "scores", count, columns, H5T_IEEE_F32LE, H5T_NATIVE_FLOAT,
                                    scores.values.data(), path);
  write_text(dataset.id(), "score_kind", scores.kind, path);
  std::vector<const char*> names;
  for (const auto& name : scores.names) names.push_back(name.c_str());
  const auto type = string_type(path);
  write_attribute(dataset.id(), "score_names", type.id(), type.id(), list_space(names.size(), path),
                  names.data(), path);
}

/// Writes through a temporary file; `fill` gets the open HDF5 file.
void write_hdf5(const fs::path& path, const std::function<void(const Handle&)>& fill) {
  imaging::AtomicFile target(path);
  {
    const Hdf5Session session;
    auto file = create_file(target.temporary_path());
    fill(file);
    must(H5Fflush(file.id(), H5F_SCOPE_GLOBAL), path);
  }
  target.commit();
}

// ---------------------------------------------------------------------------------------------- reading

/// Read-only and, where the library allows, without a lock: bags lie on network drives, and may be read while
/// written.
Handle open_file(const fs::path& path) {
  std::error_code failed;
  if (!fs::exists(path, failed)) fail(ErrorCode::not_found, path, "no such file");
  const Handle access(H5Pcreate(H5P_FILE_ACCESS), &H5Pclose);
  H5Pset_file_locking(access.id(), false, true);
  Handle file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.id()), &H5Fclose);
  if (!file.is_open()) {
    fail(ErrorCode::corrupt_data, path, fmt::format("not a whole HDF5 file ({})", hdf5_reason()));
  }
  const Handle creation(H5Fget_create_plist(file.id()), &H5Pclose);
  std::size_t offset_bytes = 0, length_bytes = 0;
  H5Pget_sizes(creation.id(), &offset_bytes, &length_bytes);
  if (offset_bytes != 8 || length_bytes != 8) {
    fail(ErrorCode::corrupt_data, path,
         fmt::format(
             "an HDF5 file whose addresses and lengths have {} and {} bytes, not 8; encode the slide again",
             offset_bytes, length_bytes));
  }
  return file;
}

/// Without a chunk cache, HDF5 reads an uncompressed chunk straight into the caller's memory.
Handle find_dataset(const Handle& file, const char* name) {
  if (H5Lexists(file.id(), name, H5P_DEFAULT) <= 0) return {};
  const Handle access(H5Pcreate(H5P_DATASET_ACCESS), &H5Pclose);
  H5Pset_chunk_cache(access.id(), 0, 0, H5D_CHUNK_CACHE_W0_DEFAULT);
  return {H5Dopen2(file.id(), name, access.id()), &H5Dclose};
}

struct MatrixShape {
  std::int64_t rows = 0;
  std::int64_t columns = 0;
};

/// The library reads as many bytes of a chunk as the file says it has, into room for as many as it should
/// have. Of chunks that are not packed, all should have the same number.
void check_chunks(const Handle& dataset, const char* name, const fs::path& path) {
  const Handle creation(H5Dget_create_plist(dataset.id()), &H5Pclose);
  if (H5Pget_layout(creation.id()) != H5D_CHUNKED || H5Pget_nfilters(creation.id()) != 0) return;
  const Handle space(H5Dget_space(dataset.id()), &H5Sclose), type(H5Dget_type(dataset.id()), &H5Tclose);
  std::array<hsize_t, H5S_MAX_RANK> sides{};
  const int axes = H5Pget_chunk(creation.id(), H5S_MAX_RANK, sides.data());
  hsize_t count = 0;
  const bool is_known = axes > 0 && H5Dget_num_chunks(dataset.id(), space.id(), &count) >= 0;
  const auto expected = std::accumulate(sides.begin(), sides.begin() + std::max(axes, 0),
                                        count * H5Tget_size(type.id()), std::multiplies<>());
  const auto stored = H5Dget_storage_size(dataset.id());
  if (is_known && stored == expected) return;
  fail(ErrorCode::corrupt_data, path,
       fmt::format("the chunks of {} hold {} bytes, not {}; encode the slide again", name, stored, expected));
}

MatrixShape shape_of(const Handle& dataset, const char* name, const fs::path& path) {
  check_chunks(dataset, name, path);
  const Handle space(H5Dget_space(dataset.id()), &H5Sclose);
  const int axes = H5Sget_simple_extent_ndims(space.id());
  std::vector<hsize_t> size(static_cast<std::size_t>(std::max(axes, 1)), 0);
  if (axes > 0) H5Sget_simple_extent_dims(space.id(), size.data(), nullptr);
  if (axes == 3 && size[0] == 1) size.erase(size.begin());
  if (axes < 2 || size.size() != 2) {
    fail(ErrorCode::corrupt_data, path,
         fmt::format("{} has the shape [{}], not [N, D]", name, fmt::join(size, ", ")));
  }
  return {static_cast<std::int64_t>(size[0]), static_cast<std::int64_t>(size[1])};
}

H5T_class_t class_of(const Handle& dataset) {
  const Handle type(H5Dget_type(dataset.id()), &H5Tclose);
  return H5Tget_class(type.id());
}

template <typename Values>
Values make_matrix(const MatrixShape& shape, const char* name, const fs::path& path) {
  Values values;
  try {
    values.resize(static_cast<std::size_t>(shape.rows) * static_cast<std::size_t>(shape.columns));
  } catch (const std::exception&) {
    fail(ErrorCode::resource_exhausted, path,
         fmt::format("{} is {} x {} and does not fit in memory", name, shape.rows, shape.columns));
  }
  return values;
}

template <typename T>
std::vector<T> read_matrix(const Handle& dataset, const MatrixShape& shape, hid_t memory, const char* name,
                           const fs::path& path) {
  auto values = make_matrix<std::vector<T>>(shape, name, path);
  if (!values.empty() && H5Dread(dataset.id(), memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) < 0) {
    fail(ErrorCode::corrupt_data, path, fmt::format("{} cannot be read ({})", name, hdf5_reason()));
  }
  return values;
}

/// Rows of a [N, D] or [1, N, D] dataset. @return  false where HDF5 fails
bool read_dataset_rows(const Handle& dataset, std::int64_t first, std::int64_t count, std::int64_t columns,
                       hid_t memory, void* values) {
  const Handle space(H5Dget_space(dataset.id()), &H5Sclose);
  const std::array<hsize_t, 3> start = {0, static_cast<hsize_t>(first), 0};
  const std::array<hsize_t, 3> size = {1, static_cast<hsize_t>(count), static_cast<hsize_t>(columns)};
  const auto skipped = 3 - H5Sget_simple_extent_ndims(space.id());
  const Handle block(H5Screate_simple(2, size.data() + 1, nullptr), &H5Sclose);
  return H5Sselect_hyperslab(space.id(), H5S_SELECT_SET, start.data() + skipped, nullptr,
                             size.data() + skipped, nullptr) >= 0 &&
         H5Dread(dataset.id(), memory, block.id(), space.id(), H5P_DEFAULT, values) >= 0;
}

/// IEEE 754 binary16, little-endian.
bool is_half_type(const Handle& type) {
  std::size_t sign = 0, exponent = 0, exponent_bits = 0, mantissa = 0, mantissa_bits = 0;
  return H5Tget_class(type.id()) == H5T_FLOAT && H5Tget_size(type.id()) == 2 &&
         H5Tget_order(type.id()) == H5T_ORDER_LE &&
         H5Tget_fields(type.id(), &sign, &exponent, &exponent_bits, &mantissa, &mantissa_bits) >= 0 &&
         sign == 15 && exponent == 10 && exponent_bits == 5 && mantissa == 0 && mantissa_bits == 10 &&
         H5Tget_ebias(type.id()) == 15;
}

/// Rows of a chunk that holds whole rows as the caller wants them, neither packed nor converted; else 0.
std::int64_t plain_chunk_rows(const Handle& dataset, std::int64_t columns, hid_t wanted) {
  const Handle creation(H5Dget_create_plist(dataset.id()), &H5Pclose);
  const Handle stored(H5Dget_type(dataset.id()), &H5Tclose);
  std::array<hsize_t, 3> chunk = {0, 0, 0};
  const bool is_plain = H5Pget_layout(creation.id()) == H5D_CHUNKED && H5Pget_nfilters(creation.id()) == 0 &&
                        H5Pget_chunk(creation.id(), 3, chunk.data()) == 2 &&
                        chunk[1] == static_cast<hsize_t>(columns) && H5Tequal(stored.id(), wanted) > 0;
  return is_plain && chunk[0] <= kMaxPlainChunkRows ? static_cast<std::int64_t>(chunk[0]) : 0;
}

/// Rows of a dataset whose `plain_chunk_rows` are `chunk_rows`, chunk by chunk: HDF5's selections take as
/// long over a chunk as its bytes do. @return  false where a chunk is missing or not as large as it should be
bool read_plain_chunks(const Handle& dataset, std::int64_t first, std::int64_t count, std::int64_t chunk_rows,
                       std::size_t row_bytes, void* values) {
  const auto chunk_bytes = static_cast<std::size_t>(chunk_rows) * row_bytes;
  std::vector<std::byte> part;
  auto* at = static_cast<std::byte*>(values);
  for (auto row = first; row < first + count; row += chunk_rows, at += chunk_bytes) {
    const std::array<hsize_t, 2> start = {static_cast<hsize_t>(row), 0};
    hsize_t stored_bytes = 0;
    std::uint32_t filters = 0;
    if (H5Dget_chunk_storage_size(dataset.id(), start.data(), &stored_bytes) < 0 ||
        stored_bytes != chunk_bytes)
      return false;
    const auto rows = std::min(chunk_rows, first + count - row);
    if (rows < chunk_rows) part.resize(chunk_bytes);
    auto* target = rows < chunk_rows ? part.data() : at;
    if (H5Dread_chunk(dataset.id(), H5P_DEFAULT, start.data(), &filters, target) < 0) return false;
    if (rows < chunk_rows) std::copy_n(part.data(), static_cast<std::size_t>(rows) * row_bytes, at);
  }
  return true;
}

/// As many whole chunks as make about kBlockBytes.
std::int64_t rows_per_block(const Handle& dataset, const MatrixShape& shape) {
  const auto row_bytes = shape.columns * static_cast<std::int64_t>(sizeof(float));
  const auto wanted = std::max<std::int64_t>(1, kBlockBytes / row_bytes);
  const Handle creation(H5Dget_create_plist(dataset.id()), &H5Pclose);
  std::array<hsize_t, 3> chunk = {1, 1, 1};
  const int axes =
      H5Pget_layout(creation.id()) == H5D_CHUNKED ? H5Pget_chunk(creation.id(), 3, chunk.data()) : 0;
  if (axes < 2) return wanted;
  const auto chunk_rows = static_cast<std::int64_t>(
      std::clamp<hsize_t>(chunk[static_cast<std::size_t>(axes - 2)], 1,
                          static_cast<hsize_t>(std::max<std::int64_t>(1, shape.rows))));
  return (wanted + chunk_rows - 1) / chunk_rows * chunk_rows;
}

/// Looks for NaN and inf in one block while the caller reads the next.
class FiniteCheck {
 public:
  explicit FiniteCheck(const fs::path& path) : path_(path) {}

  /// Ends the block before. @throws Error `corrupt_data`, naming the row.
  void start(const float* values, std::int64_t first, std::int64_t rows, std::int64_t columns) {
    end();
    first_ = first;
    found_ = std::async(std::launch::async, &find_non_finite_row, values, rows, columns);
  }
  void end() {
    if (!found_.valid()) return;
    if (const auto row = found_.get(); row >= 0) {
      fail(ErrorCode::corrupt_data, path_,
           fmt::format("row {} of the features holds NaN or inf; encode the slide again", first_ + row));
    }
  }

 private:
  const fs::path& path_;
  std::int64_t first_ = 0;
  std::future<std::int64_t> found_;
};

/// Fills `bag.features`, block by block.
/// HDF5's own widening of float16 takes seconds where torch's takes a tenth of one.
void read_features(const Handle& dataset, const MatrixShape& shape, const fs::path& path, Bag& bag) {
  const Handle stored(H5Dget_type(dataset.id()), &H5Tclose);
  bag.is_half = is_half_type(stored);
  bag.features = make_matrix<FeatureVector>(shape, "features", path);
  const auto step = std::min(rows_per_block(dataset, shape), std::max<std::int64_t>(1, shape.rows));
  const auto memory = bag.is_half ? stored.id() : H5T_NATIVE_FLOAT;
  const auto row_bytes = static_cast<std::size_t>(shape.columns) * H5Tget_size(memory);
  const auto chunk_rows = plain_chunk_rows(dataset, shape.columns, memory);
  FiniteCheck check(path);
  std::vector<std::uint16_t> halves(bag.is_half ? static_cast<std::size_t>(step * shape.columns) : 0);
  for (std::int64_t first = 0; first < shape.rows; first += step) {
    const auto rows = std::min(step, shape.rows - first);
    float* values = bag.features.data() + first * shape.columns;
    void* target = bag.is_half ? static_cast<void*>(halves.data()) : values;
    const bool is_plain =
        chunk_rows > 0 && read_plain_chunks(dataset, first, rows, chunk_rows, row_bytes, target);
    if (!is_plain && !read_dataset_rows(dataset, first, rows, shape.columns, memory, target)) {
      fail(ErrorCode::corrupt_data, path, fmt::format("features cannot be read ({})", hdf5_reason()));
    }
    if (bag.is_half) widen(halves.data(), rows * shape.columns, values);
    check.start(values, first, rows, shape.columns);
  }
  check.end();
}

std::string text_at(const std::vector<char>& bytes, std::size_t index, std::size_t size) {
  const std::string_view cell(bytes.data() + index * size, size);
  return std::string(cell.substr(0, cell.find('\0')));
}

std::vector<std::string> read_strings(const Handle& attribute, const Handle& type, std::size_t count,
                                      Hdf5Texts& texts) {
  if (H5Tis_variable_str(type.id()) > 0) return texts.read(attribute.id(), count);
  const auto size = H5Tget_size(type.id());
  if (size == 0 || H5Aget_storage_size(attribute.id()) / size != count)
    return {};  // a number that does not fit
  std::vector<char> bytes(size * count);
  if (H5Aread(attribute.id(), type.id(), bytes.data()) < 0) return {};
  std::vector<std::string> found;
  for (std::size_t i = 0; i < count; ++i) found.push_back(text_at(bytes, i, size));
  return found;
}

/// Values of an attribute as text; empty where the type is none of text, integer and float.
std::vector<std::string> read_attribute(const Handle& attribute, Hdf5Texts& held) {
  const Handle type(H5Aget_type(attribute.id()), &H5Tclose);
  const Handle space(H5Aget_space(attribute.id()), &H5Sclose);
  const auto points = H5Sget_simple_extent_npoints(space.id());
  if (points <= 0) return {};
  const auto count = static_cast<std::size_t>(points);
  std::vector<std::string> texts;
  switch (H5Tget_class(type.id())) {
    case H5T_STRING:
      return read_strings(attribute, type, count, held);
    case H5T_INTEGER: {
      std::vector<std::int64_t> values(count);
      if (H5Aread(attribute.id(), H5T_NATIVE_INT64, values.data()) < 0) return {};
      for (const auto value : values) texts.push_back(fmt::to_string(value));
      return texts;
    }
    case H5T_FLOAT: {
      std::vector<double> values(count);
      if (H5Aread(attribute.id(), H5T_NATIVE_DOUBLE, values.data()) < 0) return {};
      for (const auto value : values) texts.push_back(fmt::to_string(value));
      return texts;
    }
    default:
      return {};
  }
}

std::vector<std::string> read_named_attribute(hid_t object, const char* name, Hdf5Texts& texts) {
  if (H5Aexists(object, name) <= 0) return {};
  return read_attribute(Handle(H5Aopen(object, name, H5P_DEFAULT), &H5Aclose), texts);
}

/// Adds the attributes of an object; a name that is there already keeps its value.
void collect_attributes(hid_t object, Hdf5Texts& texts, std::map<std::string, std::string>& into) {
  std::vector<std::string> names;
  const auto collect = [](hid_t, const char* name, const H5A_info_t*, void* target) -> herr_t {
    static_cast<std::vector<std::string>*>(target)->emplace_back(name);
    return 0;
  };
  hsize_t position = 0;
  H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, &position, collect, &names);
  for (const auto& name : names) {
    const auto values = read_named_attribute(object, name.c_str(), texts);
    if (!values.empty()) into.emplace(name, fmt::format("{}", fmt::join(values, ",")));
  }
}

/// STAMP counts in micrometres.
bool has_micrometre_coords(const Handle& file, const fs::path& path) {
  if (H5Aexists(file.id(), "unit") <= 0) return false;
  Hdf5Texts texts(path);
  const auto unit = read_named_attribute(file.id(), "unit", texts);
  return !unit.empty() && unit.front() == "um";
}

/// CLAM writes a chunk of coordinates beside each chunk of features.
std::vector<std::int64_t> read_coords(const Handle& dataset, const MatrixShape& shape, const fs::path& path) {
  const auto chunk_rows = plain_chunk_rows(dataset, shape.columns, H5T_NATIVE_INT64);
  if (chunk_rows > 0) {
    auto coords = make_matrix<std::vector<std::int64_t>>(shape, "coords", path);
    const auto row_bytes = static_cast<std::size_t>(shape.columns) * sizeof(std::int64_t);
    if (read_plain_chunks(dataset, 0, shape.rows, chunk_rows, row_bytes, coords.data())) return coords;
  }
  return read_matrix<std::int64_t>(dataset, shape, H5T_NATIVE_INT64, "coords", path);
}

Bag read_hdf5_bag(const fs::path& path) {
  const Hdf5Session session;
  const auto file = open_file(path);
  const bool is_stamp = H5Lexists(file.id(), "feats", H5P_DEFAULT) > 0 || has_micrometre_coords(file, path);
  auto features = find_dataset(file, "features");
  if (!features.is_open()) features = find_dataset(file, "feats");
  if (!features.is_open()) {
    fail(ErrorCode::unsupported_format, path,
         "has no dataset features (CLAM, TRIDENT) or feats (STAMP); a file of coordinates alone must be "
         "encoded first");
  }
  const auto kind = class_of(features);
  if (kind != H5T_FLOAT && kind != H5T_INTEGER) {
    fail(ErrorCode::corrupt_data, path, "features are not numbers; encode the slide again");
  }
  const auto shape = shape_of(features, "features", path);
  if (shape.columns < 1) fail(ErrorCode::corrupt_data, path, "features have no columns");
  Bag bag;
  bag.id = path.stem().string();
  bag.count = shape.rows;
  bag.dim = shape.columns;
  read_features(features, shape, path, bag);
  const auto coords = find_dataset(file, "coords");
  if (coords.is_open() && !is_stamp) {
    const auto size = shape_of(coords, "coords", path);
    if (class_of(coords) != H5T_INTEGER || size.columns != 2 || size.rows != bag.count) {
      fail(ErrorCode::corrupt_data, path,
           fmt::format("coords are {} x {}, not {} x 2 integers", size.rows, size.columns, bag.count));
    }
    bag.coords = read_coords(coords, size, path);
  }
  return bag;
}

void add_bags(const fs::path& folder, const std::string& extension, std::map<std::string, fs::path>& found) {
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(folder, failed)) {
    const auto& path = entry.path();
    if (path.extension() != extension || path.filename().string().starts_with('.')) continue;
    if (entry.is_regular_file(failed)) found.emplace(path.stem().string(), path);
  }
}

}  // namespace

class BagWriter::Impl {
 public:
  Impl(const fs::path& path, std::int64_t dim) : path_(path), dim_(dim), target_(path) {
    if (dim < 1) fail(ErrorCode::invalid_argument, path, fmt::format("features of {} numbers", dim));
    const Hdf5Session session;
    file_ = create_file(target_.temporary_path());
  }

  ~Impl() {
    const Hdf5Session session;
    close();
  }

  void append(std::span<const float> features) {
    const auto width = static_cast<std::size_t>(dim_);
    if (features.size() % width != 0) {
      fail(ErrorCode::invalid_argument, path_,
           fmt::format("{} feature values do not make rows of {}", features.size(), dim_));
    }
    const auto rows = static_cast<std::int64_t>(features.size() / width);
    if (const auto row = find_non_finite_row(features.data(), rows, dim_); row >= 0) {
      fail(ErrorCode::corrupt_data, path_,
           fmt::format("row {} of the features holds NaN or inf; encode the slide again", count_ + row));
    }
    count_ += rows;
    const auto chunk = static_cast<std::size_t>(kChunkRows) * width;
    const Hdf5Session session;
    if (!waiting_.empty()) {
      const auto take = std::min(features.size(), chunk - waiting_.size());
      waiting_.insert(waiting_.end(), features.begin(), features.begin() + static_cast<std::ptrdiff_t>(take));
      features = features.subspan(take);
      if (waiting_.size() < chunk) return;
      write_rows(waiting_);
      waiting_.clear();
    }
    const auto whole = features.size() / chunk * chunk;
    if (whole > 0) write_rows(features.first(whole));
    waiting_.assign(features.begin() + static_cast<std::ptrdiff_t>(whole), features.end());
  }

  [[nodiscard]] std::int64_t count() const { return count_; }
  [[nodiscard]] std::int64_t dim() const { return dim_; }

  [[nodiscard]] FeatureVector read_rows(std::int64_t first, std::int64_t count) const {
    if (first < 0 || count < 0 || first + count > count_) {
      fail(ErrorCode::invalid_argument, path_,
           fmt::format("rows {} to {} of {}", first, first + count, count_));
    }
    FeatureVector rows(static_cast<std::size_t>(count * dim_));
    const auto written = static_cast<std::int64_t>(written_);
    const auto stored = std::clamp<std::int64_t>(written - first, 0, count);
    const Hdf5Session session;
    if (stored > 0 && !read_dataset_rows(features_, first, stored, dim_, H5T_NATIVE_FLOAT, rows.data())) {
      fail(ErrorCode::io_error, path_, fmt::format("cannot be read back ({})", hdf5_reason()));
    }
    const auto* waiting = waiting_.data() + (first + stored - written) * dim_;
    if (stored < count) std::copy_n(waiting, (count - stored) * dim_, rows.data() + stored * dim_);
    return rows;
  }

  void finish(const std::vector<std::int64_t>& coords, const BagFileExtras& extras) {
    if (!coords.empty() && static_cast<std::int64_t>(coords.size()) != 2 * count_) {
      fail(ErrorCode::invalid_argument, path_,
           fmt::format("{} coordinate values for {} tiles", coords.size(), count_));
    }
    const bool has_coords = !coords.empty() || count_ == 0;
    if (!has_coords && !extras.coords_attributes.empty()) {
      fail(ErrorCode::invalid_argument, path_, "attributes of coordinates without coordinates");
    }
    {
      const Hdf5Session session;
      if (!waiting_.empty() || count_ == 0) write_rows(waiting_);
      waiting_.clear();
      for (const auto& [name, value] : extras.features_attributes)
        write_text(features_.id(), name, value, path_);
      if (has_coords) write_coords_dataset(file_, coords, extras.coords_attributes, path_);
      if (extras.scores) write_scores_dataset(file_, *extras.scores, count_, path_);
      must(H5Fflush(file_.id(), H5F_SCOPE_GLOBAL), path_);
      close();
    }
    target_.commit();
  }

 private:
  /// All rows but the last ones come in whole chunks, which HDF5 writes without a copy.
  void write_rows(std::span<const float> values) {
    const auto rows = static_cast<hsize_t>(values.size()) / static_cast<hsize_t>(dim_);
    const std::array<hsize_t, 2> start = {written_, 0};
    const std::array<hsize_t, 2> size = {rows, static_cast<hsize_t>(dim_)};
    const std::array<hsize_t, 2> all = {written_ + rows, size[1]};
    if (!features_.is_open()) {
      features_ =
          create_matrix(file_, "features", static_cast<std::int64_t>(rows), dim_, H5T_IEEE_F32LE, path_);
    } else {
      must(H5Dset_extent(features_.id(), all.data()), path_);
    }
    if (rows == 0) return;
    const auto memory = must(H5Screate_simple(2, size.data(), nullptr), &H5Sclose, path_);
    const auto space = must(H5Dget_space(features_.id()), &H5Sclose, path_);
    must(H5Sselect_hyperslab(space.id(), H5S_SELECT_SET, start.data(), nullptr, size.data(), nullptr), path_);
    must(H5Dwrite(features_.id(), H5T_NATIVE_FLOAT, memory.id(), space.id(), H5P_DEFAULT, values.data()),
         path_);
    written_ += rows;
  }

  void close() {
    features_ = Handle();
    file_ = Handle();
  }

  fs::path path_;
  std::int64_t dim_;
  imaging::AtomicFile target_;
  Handle file_;
  Handle features_;
  hsize_t written_ = 0;
  std::int64_t count_ = 0;
  std::vector<float> waiting_;  // fewer rows than a chunk has
};

BagWriter::BagWriter(const fs::path& path, std::int64_t dim) : impl_(std::make_unique<Impl>(path, dim)) {}
BagWriter::~BagWriter() = default;

void BagWriter::append(std::span<const float> features) {
  impl_->append(features);
}

std::int64_t BagWriter::count() const {
  return impl_->count();
}

FeatureVector BagWriter::read_rows(std::int64_t first, std::int64_t count) const {
  return impl_->read_rows(first, count);
}

Bag BagWriter::read_back(const std::string& id) const {
  Bag bag{.id = id, .count = impl_->count(), .dim = impl_->dim(), .features = {}, .coords = {}};
  bag.features = impl_->read_rows(0, bag.count);
  return bag;
}

void BagWriter::finish(const std::vector<std::int64_t>& coords, const BagFileExtras& extras) {
  impl_->finish(coords, extras);
}

void write_bag(const fs::path& path, const Bag& bag, const BagFileExtras& extras) {
  check_bag(bag);
  BagWriter writer(path, bag.dim);
  writer.append(bag.features);
  writer.finish(bag.coords, extras);
}

void write_coords(const fs::path& path, const std::vector<std::int64_t>& coords,
                  const std::map<std::string, CoordsAttribute>& attributes) {
  if (coords.size() % 2 != 0) fail(ErrorCode::invalid_argument, path, "an odd number of coordinate values");
  write_hdf5(path, [&](const Handle& file) { write_coords_dataset(file, coords, attributes, path); });
}

Bag read_bag(const fs::path& path) {
  if (path.extension() != ".pt") return read_hdf5_bag(path);
  auto bag = read_torch_bag(path);
  if (bag.dim < 1) fail(ErrorCode::corrupt_data, path, "features have no columns");
  FiniteCheck check(path);
  check.start(bag.features.data(), 0, bag.count, bag.dim);
  check.end();
  return bag;
}

Bag read_bag(const std::string& id, const std::vector<fs::path>& files) {
  auto joined = read_bag(files.at(0));
  joined.id = id;
  if (files.size() == 1) return joined;
  const auto encoder_of = [](const fs::path& path) { return read_bag_attributes(path)["encoder_sha256"]; };
  const auto encoder = encoder_of(files[0]);
  bool has_coords = !joined.coords.empty() || joined.count == 0;
  joined.slide_counts.push_back(joined.count);
  for (std::size_t i = 1; i < files.size(); ++i) {
    const auto bag = read_bag(files[i]);
    if (bag.dim != joined.dim || encoder_of(files[i]) != encoder) {
      fail(ErrorCode::incompatible, files[i],
           fmt::format(
               "{} features of encoder '{}', where {} of the same bag {} has {} of '{}'; encode them with "
               "one encoder",
               bag.dim, encoder_of(files[i]), files[0].filename().string(), id, joined.dim, encoder));
    }
    has_coords = has_coords && (!bag.coords.empty() || bag.count == 0);
    joined.features.insert(joined.features.end(), bag.features.begin(), bag.features.end());
    joined.coords.insert(joined.coords.end(), bag.coords.begin(), bag.coords.end());
    joined.count += bag.count;
    joined.is_half = joined.is_half && bag.is_half;
    joined.slide_counts.push_back(bag.count);
  }
  if (!has_coords) joined.coords.clear();
  return joined;
}

std::optional<TileScores> read_scores(const fs::path& path) {
  const Hdf5Session session;
  const auto file = open_file(path);
  const auto dataset = find_dataset(file, "scores");
  if (!dataset.is_open()) return std::nullopt;
  const auto shape = shape_of(dataset, "scores", path);
  Hdf5Texts texts(path);
  TileScores scores;
  const auto kind = read_named_attribute(dataset.id(), "score_kind", texts);
  scores.names = read_named_attribute(dataset.id(), "score_names", texts);
  if (kind.empty() || static_cast<std::int64_t>(scores.names.size()) != shape.columns) {
    fail(ErrorCode::corrupt_data, path,
         fmt::format("scores have {} columns and {} names, or no score_kind", shape.columns,
                     scores.names.size()));
  }
  scores.kind = kind.front();
  scores.values = read_matrix<float>(dataset, shape, H5T_NATIVE_FLOAT, "scores", path);
  return scores;
}

std::map<std::string, std::string> read_bag_attributes(const fs::path& path) {
  if (path.extension() == ".pt") return {};
  const Hdf5Session session;
  const auto file = open_file(path);
  Hdf5Texts texts(path);
  std::map<std::string, std::string> attributes;
  for (const auto* name : {"features", "feats", "coords"}) {
    const auto dataset = find_dataset(file, name);
    if (dataset.is_open()) collect_attributes(dataset.id(), texts, attributes);
  }
  collect_attributes(file.id(), texts, attributes);
  return attributes;
}

std::map<std::string, fs::path> find_bags(const fs::path& folder) {
  std::map<std::string, fs::path> found;
  for (const auto* extension : {".h5", ".pt"}) {
    add_bags(folder, extension, found);
    add_bags(folder / "h5_files", extension, found);
    add_bags(folder / "pt_files", extension, found);
  }
  if (found.empty())
    fail(ErrorCode::not_found, folder, "no .h5 or .pt bags here, nor in h5_files/ or pt_files/");
  return found;
}

}  // namespace mil
