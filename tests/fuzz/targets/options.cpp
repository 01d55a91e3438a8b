#include <nlohmann/json.hpp>

#include "imaging/base/options_json.h"
#include "mil/training/train_options.h"
#include "tests/fuzz/fuzz_support.h"

void fuzz::options(Bytes bytes) {
  const auto json = nlohmann::json::parse(as_text(bytes), nullptr, false);
  accept_refusal([&] {
    mil::TrainOptions options;
    imaging::options_from_json(options, json);
    mil::TrainOptions again;
    imaging::options_from_json(again, nlohmann::json::parse(imaging::options_to_json(options).dump()));
    require(imaging::options_to_json(again) == imaging::options_to_json(options),
            "options that do not survive writing");
  });
}
