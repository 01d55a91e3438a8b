#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "mil/training/adam.h"
#include "mil/training/masking.h"
#include "mil/training/mhim_options.h"
#include "mil/training/training_method.h"

namespace mil {

/// What a step of MHIM needs, with nothing left to a preset.
struct MhimSettings {
  MaskRatios ratios;  ///< `high` at the first step
  double consistency = 0.1;
  double momentum = 0.9999;
  bool is_momentum_rising = false;
  bool is_high_decaying = true;
  HeadFusion fusion = HeadFusion::vote;
};

/// @param base  "abmil", "transmil" or "dsmil"
[[nodiscard]] MhimSettings mhim_settings(const MhimOptions& options, const std::string& base);

/// A teacher that masks the easy and the salient instances, and a student that learns from the rest. The
/// teacher sees the whole bag, in train mode (dropout on, as the official code has it) and without a graph;
/// the student embeds the kept instances only, in ascending order, which gives what masking after the
/// embedding gives. Where a mask would leave nothing, the teacher's highest-scored instance stays.
///
/// @par Threads    One caller at a time; draws from torch's generator.
/// @par Reference  [tang2023]
class MhimPair {
 public:
  /// @param student, teacher  of one architecture, on one device
  /// @param total_steps       optimiser steps of the whole schedule
  MhimPair(std::shared_ptr<AggregatorModule> student, std::shared_ptr<AggregatorModule> teacher,
           const MhimSettings& settings, double weight_decay, std::int64_t total_steps);

  /// Adds a bag's gradients, times `share`.
  /// @param features  [N, F] float32 on the networks' device, N >= 1
  /// @param step      optimiser steps before this one
  /// @return          the bag's whole loss, scalar
  /// @throws imaging::Error  `incompatible` where the base has nothing to mask by.
  [[nodiscard]] at::Tensor accumulate(const at::Tensor& features, std::int64_t label,
                                      const LogitLoss& logit_loss, std::int64_t step, double share = 1);
  /// The student by Adam, then the teacher's parameters by their average; clears the gradients.
  void update(double learning_rate, std::int64_t step);

  [[nodiscard]] AggregatorModule& student() { return *student_; }
  [[nodiscard]] const AggregatorModule& student() const { return *student_; }
  [[nodiscard]] AggregatorModule& teacher() { return *teacher_; }
  [[nodiscard]] Adam& adam() { return adam_; }

  [[nodiscard]] models::TensorMap state() const;
  void load_state(const models::TensorMap& state);

 private:
  std::shared_ptr<AggregatorModule> student_, teacher_;
  MhimSettings settings_;
  std::int64_t total_steps_;
  Adam adam_;
  FlatParameters average_;  ///< the teacher's
};

/// The teacher starts as `context.initial_weights`, the student as its `embedding.*` and fresh weights
/// beyond; both the same and fresh where there are none.
[[nodiscard]] std::unique_ptr<TrainingMethod> make_mhim_method(const TrainingPlan& plan,
                                                               MethodContext context);

}  // namespace mil
