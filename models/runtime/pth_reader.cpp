#include "models/runtime/pth_reader.h"

#include <caffe2/serialize/inline_container.h>
#include <fmt/format.h>
#include <torch/types.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <fstream>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "imaging/base/error.h"
#include "models/runtime/torch_errors.h"

namespace models {
namespace {

static_assert(std::endian::native == std::endian::little, "pickles and storages are little-endian");

using caffe2::serialize::PyTorchStreamReader;
using imaging::Error;
using imaging::ErrorCode;

constexpr std::size_t kMaxPickleBytes = 64U << 20;
constexpr int kMaxDepth = 16;
constexpr const char* kRemedy =
    "In Python, save the weights alone with torch.save(model.state_dict(), path), or export the network as "
    "TorchScript.";

struct Value;
struct None {};
struct Mark {};
struct Sequence {
  std::vector<Value*> items;
};
struct Dict {
  std::vector<std::pair<Value*, Value*>> items;
  bool is_module = false;  ///< a TorchScript object, whose attributes come with BUILD
};
/// A name from the list of those that are known; nothing is ever looked up or called by it.
struct Global {
  std::string name;
};
struct Storage {
  torch::Tensor values;  ///< one-dimensional
};

/// What a pickle can hold here. Values refer to each other by address and live in the reader's arena, so that
/// a hostile cycle or depth neither leaks nor overflows the stack.
struct Value {
  std::variant<None, Mark, bool, std::int64_t, double, std::string, Sequence, Dict, Global, Storage,
               torch::Tensor>
      content;
};

struct StorageType {
  std::string_view name;
  torch::Dtype dtype;
};
constexpr std::array kStorageTypes{StorageType{"torch.DoubleStorage", torch::kFloat64},
                                   StorageType{"torch.FloatStorage", torch::kFloat32},
                                   StorageType{"torch.HalfStorage", torch::kFloat16},
                                   StorageType{"torch.BFloat16Storage", torch::kBFloat16},
                                   StorageType{"torch.LongStorage", torch::kInt64},
                                   StorageType{"torch.IntStorage", torch::kInt32},
                                   StorageType{"torch.ShortStorage", torch::kInt16},
                                   StorageType{"torch.CharStorage", torch::kInt8},
                                   StorageType{"torch.ByteStorage", torch::kUInt8},
                                   StorageType{"torch.BoolStorage", torch::kBool}};
constexpr std::string_view kOrderedDict = "collections.OrderedDict";
constexpr std::string_view kRebuildTensor = "torch._utils._rebuild_tensor_v2";
constexpr std::string_view kScriptTypes = "__torch__.";  // any class of a TorchScript archive
constexpr std::string_view kRebuildParameter = "torch._utils._rebuild_parameter";

std::optional<torch::Dtype> find_storage_type(std::string_view name) {
  for (const auto& row : kStorageTypes) {
    if (row.name == name) return row.dtype;
  }
  return std::nullopt;
}

/// Pickle protocol 2 as torch.save writes it, and no more.
class PickleReader {
 public:
  PickleReader(const std::filesystem::path& path, PyTorchStreamReader& archive)
      : path_(path), archive_(archive) {}

  const Value& read(std::string_view bytes) {
    bytes_ = bytes;
    for (;;) {
      const auto opcode = static_cast<unsigned char>(take(1)[0]);
      if (opcode == '.') break;
      execute(opcode);
    }
    return *pop();
  }

  [[noreturn]] void damaged(std::string_view what) const {
    throw Error(ErrorCode::corrupt_data, fmt::format("{} is damaged: {}.", path_.string(), what));
  }
  [[noreturn]] void unsupported(std::string_view what) const {
    throw Error(ErrorCode::unsupported_format,
                fmt::format("{} holds {}, which is not read, since reading it could run foreign code. {}",
                            path_.string(), what, kRemedy));
  }

 private:
  std::string_view take(std::size_t count) {
    if (count > bytes_.size() - at_) damaged("its pickle ends too early");
    at_ += count;
    return bytes_.substr(at_ - count, count);
  }
  template <typename Number>
  Number take_number() {
    Number number;
    std::memcpy(&number, take(sizeof number).data(), sizeof number);
    return number;
  }
  std::string take_line() {
    const auto end = bytes_.find('\n', at_);
    if (end == std::string_view::npos) damaged("its pickle ends too early");
    const auto line = take(end - at_);
    take(1);
    return std::string(line);
  }

  template <typename Content>
  void push(Content content) {
    arena_.push_back(std::make_unique<Value>(Value{std::move(content)}));
    stack_.push_back(arena_.back().get());
  }
  Value* pop() {
    if (stack_.empty()) damaged("its pickle takes from an empty stack");
    auto* value = stack_.back();
    stack_.pop_back();
    return value;
  }
  template <typename Content>
  Content& expect(Value* value, std::string_view what) const {
    auto* content = std::get_if<Content>(&value->content);
    if (content == nullptr) damaged(fmt::format("its pickle has no {} where one is needed", what));
    return *content;
  }
  std::vector<Value*> pop_to_mark() {
    std::vector<Value*> items;
    for (auto* value = pop(); !std::holds_alternative<Mark>(value->content); value = pop())
      items.push_back(value);
    std::reverse(items.begin(), items.end());
    return items;
  }
  void push_tuple(std::size_t count) {
    std::vector<Value*> items(count);
    for (auto item = items.rbegin(); item != items.rend(); ++item) *item = pop();
    push(Sequence{std::move(items)});
  }
  void memorise(std::uint32_t key) {
    if (stack_.empty()) damaged("its pickle takes from an empty stack");
    memo_[key] = stack_.back();
  }
  void recall(std::uint32_t key) {
    const auto found = memo_.find(key);
    if (found == memo_.end()) damaged("its pickle names a value that it has not set");
    stack_.push_back(found->second);
  }

  void execute(unsigned char opcode) {
    switch (opcode) {
      case 0x80: {  // PROTO
        const auto protocol = take_number<std::uint8_t>();
        if (protocol != 2) unsupported(fmt::format("a pickle of protocol {}", protocol));
        return;
      }
      case '(':
        return push(Mark{});
      case 'N':
        return push(None{});
      case 0x88:
        return push(true);
      case 0x89:
        return push(false);
      case 'K':
        return push(std::int64_t{take_number<std::uint8_t>()});
      case 'M':
        return push(std::int64_t{take_number<std::uint16_t>()});
      case 'J':
        return push(std::int64_t{take_number<std::int32_t>()});
      case 0x8a:
        return push_long(take(take_number<std::uint8_t>()));  // LONG1
      case 'G':
        return push_float();
      case 'X':
        return push(std::string(take(take_number<std::uint32_t>())));
      case 'U':
        return push(std::string(take(take_number<std::uint8_t>())));
      case ')':
        return push(Sequence{});
      case ']':
        return push(Sequence{});
      case '}':
        return push(Dict{});
      case 't':
        return push(Sequence{pop_to_mark()});
      case 0x85:
        return push_tuple(1);
      case 0x86:
        return push_tuple(2);
      case 0x87:
        return push_tuple(3);
      case 'q':
        return memorise(take_number<std::uint8_t>());
      case 'r':
        return memorise(take_number<std::uint32_t>());
      case 'h':
        return recall(take_number<std::uint8_t>());
      case 'j':
        return recall(take_number<std::uint32_t>());
      case 'a': {  // APPEND
        auto* item = pop();
        top<Sequence>("list").items.push_back(item);
        return;
      }
      case 'e': {  // APPENDS
        const auto items = pop_to_mark();
        auto& list = top<Sequence>("list").items;
        list.insert(list.end(), items.begin(), items.end());
        return;
      }
      case 's': {  // SETITEM
        auto* value = pop();
        auto* key = pop();
        top<Dict>("dict").items.emplace_back(key, value);
        return;
      }
      case 'u': {  // SETITEMS
        const auto items = pop_to_mark();
        if (items.size() % 2 != 0) damaged("its pickle has a key without a value");
        auto& dict = top<Dict>("dict").items;
        for (std::size_t i = 0; i < items.size(); i += 2) dict.emplace_back(items[i], items[i + 1]);
        return;
      }
      case 'c':
        return push_global();
      case 'Q':
        return push_storage();
      case 'R':
        return reduce();
      case 0x81: {  // NEWOBJ: of TorchScript only, as an empty object
        (void)pop();
        const auto& name = expect<Global>(pop(), "type").name;
        if (!name.starts_with(kScriptTypes)) unsupported(fmt::format("an object of the type {}", name));
        return push(Dict{.items = {}, .is_module = true});
      }
      case 'b': {  // BUILD: a state dict carries its _metadata this way, which holds version numbers only
        auto* state = pop();
        auto& object = top<Dict>("OrderedDict");
        if (object.is_module) object.items = expect<Dict>(state, "dict").items;
        return;
      }
      default:
        unsupported(fmt::format("the pickle opcode 0x{:02x}", opcode));
    }
  }

  template <typename Content>
  Content& top(std::string_view what) {
    if (stack_.empty()) damaged("its pickle takes from an empty stack");
    return expect<Content>(stack_.back(), what);
  }

  void push_long(std::string_view digits) {
    if (digits.size() > sizeof(std::int64_t)) unsupported("a whole number of more than 64 bits");
    std::int64_t number =
        !digits.empty() && (static_cast<unsigned char>(digits.back()) & 0x80U) != 0 ? -1 : 0;
    std::memcpy(&number, digits.data(), digits.size());
    push(number);
  }

  void push_float() {
    const auto big_endian = take(sizeof(double));
    std::array<char, sizeof(double)> bytes{};
    std::reverse_copy(big_endian.begin(), big_endian.end(), bytes.begin());
    push(std::bit_cast<double>(bytes));
  }

  void push_global() {
    const auto module = take_line();
    const auto name = module + "." + take_line();
    if (name != kOrderedDict && name != kRebuildTensor && name != kRebuildParameter &&
        !name.starts_with(kScriptTypes) && !find_storage_type(name)) {
      unsupported(fmt::format("a Python object of the type {}", name.substr(0, 100)));
    }
    push(Global{name});
  }

  /// ("storage", type, key, device, number of elements)
  void push_storage() {
    const auto& id = expect<Sequence>(pop(), "tuple").items;
    if (id.size() != 5 || expect<std::string>(id[0], "text") != "storage")
      unsupported("a persistent object that is no storage");
    const auto& type = expect<Global>(id[1], "type").name;
    const auto dtype = find_storage_type(type);
    if (!dtype) unsupported(fmt::format("a storage of the type {}", type));
    const auto& key = expect<std::string>(id[2], "text");
    const auto count = expect<std::int64_t>(id[4], "number");
    auto& storage = storages_[key];
    if (!storage.defined()) storage = load_storage(key, *dtype, count);
    if (storage.scalar_type() != *dtype || storage.numel() != count)
      damaged("it states a storage twice, differently");
    push(Storage{storage});
  }

  torch::Tensor load_storage(const std::string& key, torch::Dtype dtype, std::int64_t count) {
    const auto record = "data/" + key;
    if (!archive_.hasRecord(record)) damaged(fmt::format("its storage '{}' is missing", key));
    const auto [data, bytes] = archive_.getRecord(record);
    if (count < 0 || static_cast<std::uint64_t>(count) != bytes / c10::elementSize(dtype)) {
      damaged(fmt::format("its storage '{}' has {} bytes, not {} elements", key, bytes, count));
    }
    return torch::from_blob(data.get(), {count}, dtype).clone();
  }

  void reduce() {
    const auto& arguments = expect<Sequence>(pop(), "tuple").items;
    const auto& function = expect<Global>(pop(), "function").name;
    if (function == kOrderedDict && arguments.empty()) return push(Dict{});
    if (function == kRebuildTensor && arguments.size() >= 6) return push(rebuild_tensor(arguments));
    if (function == kRebuildParameter && !arguments.empty()) {
      return push(torch::Tensor(expect<torch::Tensor>(arguments[0], "tensor")));
    }
    unsupported(fmt::format("a call of {} with {} arguments", function, arguments.size()));
  }

  std::vector<std::int64_t> whole_numbers(Value* tuple) const {
    std::vector<std::int64_t> numbers;
    for (auto* item : expect<Sequence>(tuple, "tuple").items) {
      const auto number = expect<std::int64_t>(item, "number");
      if (number < 0) damaged("a tensor has a negative size or stride");
      numbers.push_back(number);
    }
    return numbers;
  }

  /// (storage, offset, sizes, strides, requires_grad, hooks, ...)
  torch::Tensor rebuild_tensor(const std::vector<Value*>& arguments) const {
    const auto& storage = expect<Storage>(arguments[0], "storage").values;
    const auto offset = expect<std::int64_t>(arguments[1], "number");
    const auto sizes = whole_numbers(arguments[2]);
    const auto strides = whole_numbers(arguments[3]);
    if (sizes.size() != strides.size() || sizes.size() > 16 || offset < 0 || offset > storage.numel())
      damaged("a tensor has no valid shape");
    // Bounds without overflow: neither the count nor the last index may pass the storage's end.
    if (std::find(sizes.begin(), sizes.end(), 0) != sizes.end()) {
      return torch::empty(sizes, storage.options());
    }
    std::int64_t count = 1;
    std::int64_t last = offset;
    const auto limit = std::max<std::int64_t>(storage.numel(), 1);
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      if (sizes[i] > limit / count) damaged("a tensor is larger than its storage");
      count *= sizes[i];
      if (sizes[i] > 1 && strides[i] > (limit - last) / (sizes[i] - 1))
        damaged("a tensor leaves its storage");
      last += (sizes[i] - 1) * strides[i];
    }
    if (last >= storage.numel()) damaged("a tensor leaves its storage");
    return storage.as_strided(sizes, strides, offset).clone(torch::MemoryFormat::Contiguous);
  }

  const std::filesystem::path& path_;
  PyTorchStreamReader& archive_;
  std::string_view bytes_;
  std::size_t at_ = 0;
  std::vector<std::unique_ptr<Value>> arena_;
  std::vector<Value*> stack_;
  std::unordered_map<std::uint32_t, Value*> memo_;
  std::unordered_map<std::string, torch::Tensor> storages_;
};

const Dict* find_dict(const Dict& dict, std::string_view key) {
  for (const auto& [name, value] : dict.items) {
    const auto* text = std::get_if<std::string>(&name->content);
    if (text != nullptr && *text == key) return std::get_if<Dict>(&value->content);
  }
  return nullptr;
}

void collect(const Dict& dict, const std::string& prefix, int depth, TensorMap& tensors) {
  if (depth > kMaxDepth) return;
  for (const auto& [name, value] : dict.items) {
    const auto* text = std::get_if<std::string>(&name->content);
    if (text == nullptr) continue;
    if (const auto* tensor = std::get_if<torch::Tensor>(&value->content)) {
      tensors[prefix + *text] = *tensor;
    } else if (const auto* inner = std::get_if<Dict>(&value->content)) {
      collect(*inner, prefix + *text + ".", depth + 1, tensors);
    }
  }
}

TensorMap without_module_prefix(TensorMap tensors) {
  constexpr std::string_view kPrefix = "module.";
  const bool is_everywhere = std::all_of(tensors.begin(), tensors.end(),
                                         [&](const auto& item) { return item.first.rfind(kPrefix, 0) == 0; });
  if (!is_everywhere) return tensors;
  TensorMap stripped;
  for (auto& [name, tensor] : tensors) stripped[name.substr(kPrefix.size())] = tensor;
  return stripped;
}

bool starts_like_zip(const std::filesystem::path& path) {
  std::array<char, 4> magic{};
  std::ifstream file(path, std::ios::binary);
  return file.read(magic.data(), magic.size()) &&
         std::string_view(magic.data(), magic.size()) == "PK\x03\x04";
}

/// The value that an archive's data.pkl holds.
const Value& read_value(const std::filesystem::path& path, PyTorchStreamReader& archive,
                        PickleReader& reader) {
  if (archive.hasRecord("byteorder")) {
    const auto [data, bytes] = archive.getRecord("byteorder");
    if (std::string_view(static_cast<const char*>(data.get()), bytes) != "little") {
      throw Error(ErrorCode::unsupported_format,
                  fmt::format("{} was saved on a big-endian machine. {}", path.string(), kRemedy));
    }
  }
  if (!archive.hasRecord("data.pkl")) reader.damaged("it has no data.pkl");
  const auto [data, bytes] = archive.getRecord("data.pkl");
  if (bytes > kMaxPickleBytes) reader.damaged(fmt::format("its data.pkl has {} bytes", bytes));

  return reader.read(std::string_view(static_cast<const char*>(data.get()), bytes));
}

TensorMap read_state_dict(const std::filesystem::path& path) {
  PyTorchStreamReader archive(path.string());
  PickleReader reader(path, archive);
  if (archive.hasRecord("constants.pkl")) {
    throw Error(ErrorCode::unsupported_format,
                fmt::format("{} is a TorchScript module, not a state dict.", path.string()));
  }
  const auto* dict = std::get_if<Dict>(&read_value(path, archive, reader).content);
  if (dict == nullptr) {
    throw Error(ErrorCode::unsupported_format,
                fmt::format("{} holds no state dict. {}", path.string(), kRemedy));
  }
  for (const char* key : {"state_dict", "model_state_dict", "model", "teacher", "student"}) {
    if (const auto* inner = find_dict(*dict, key)) {
      dict = inner;
      break;
    }
  }
  TensorMap tensors;
  collect(*dict, "", 0, tensors);
  if (tensors.empty()) {
    throw Error(ErrorCode::unsupported_format,
                fmt::format("{} holds no named tensors. {}", path.string(), kRemedy));
  }
  return without_module_prefix(std::move(tensors));
}

TensorMap read_any_tensors(const std::filesystem::path& path) {
  PyTorchStreamReader archive(path.string());
  PickleReader reader(path, archive);
  const auto& content = read_value(path, archive, reader).content;
  if (const auto* tensor = std::get_if<torch::Tensor>(&content)) return {{"", *tensor}};
  TensorMap tensors;
  if (const auto* dict = std::get_if<Dict>(&content)) collect(*dict, "", 0, tensors);
  return tensors;
}

template <typename Read>
TensorMap read_zip(const std::filesystem::path& path, Read&& read) {
  if (!std::filesystem::is_regular_file(path)) {
    throw Error(ErrorCode::not_found, fmt::format("{} does not exist or is no file.", path.string()));
  }
  if (!starts_like_zip(path)) {
    throw Error(ErrorCode::unsupported_format,
                fmt::format("{} is no PyTorch zip file (a file of torch before 1.6, or something else). {}",
                            path.string(), kRemedy));
  }
  return with_torch_errors(ErrorCode::corrupt_data, fmt::format("{} is damaged", path.string()),
                           [&] { return read(path); });
}

}  // namespace

TensorMap read_pth(const std::filesystem::path& path) {
  return read_zip(path, read_state_dict);
}

TensorMap read_pt(const std::filesystem::path& path) {
  return read_zip(path, read_any_tensors);
}

bool is_torchscript(const std::filesystem::path& path) {
  if (!starts_like_zip(path)) return false;
  try {
    return PyTorchStreamReader(path.string()).hasRecord("constants.pkl");
  } catch (const std::exception&) {
    return false;
  }
}

}  // namespace models
