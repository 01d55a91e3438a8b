#include "app/workflows/case_folder.h"
#include "tests/fuzz/fuzz_support.h"

/// A case's result.json, as `report` and the window read it.
void fuzz::result(Bytes bytes) {
  accept_refusal([&] {
    const auto path = as_file("case/result.json", bytes);
    const auto result = workflows::CaseFolder{path.parent_path()}.read_result();
    require(!workflows::to_json(result).empty(), "a result that cannot be written");
  });
}
