#pragma once

#include <memory>
#include <vector>

#include "mil/aggregators/ins_module.h"
#include "mil/training/adam.h"
#include "mil/training/projection_module.h"

namespace mil {

class ProcessGroup;

/// Encoder, instance classifier and projection.
class InsNetwork : public torch::nn::Module {
 public:
  struct Output {
    at::Tensor logits;     ///< [B, 2]
    at::Tensor projected;  ///< [B, P], L2-normalised
  };

  InsNetwork(std::shared_ptr<InsModule> classifier, std::int64_t embed_dim, std::int64_t projection_dim);
  /// @param first_row  of `features` among the rows of all processes
  [[nodiscard]] Output forward(const at::Tensor& features, std::int64_t first_row = 0);

  std::shared_ptr<InsModule> classifier;
  std::shared_ptr<ProjectionModule> projection;
};

/// SGD with momentum and L2 weight decay added to the gradient, as torch::optim::SGD, over one buffer.
class Sgd {
 public:
  /// @param parameters  they and their gradients move into one buffer
  Sgd(const std::vector<at::Tensor>& parameters, double learning_rate, double weight_decay, double momentum);

  [[nodiscard]] FlatParameters& parameters() { return parameters_; }
  void zero_gradients() { parameters_.gradients.zero_(); }
  void step();
  [[nodiscard]] at::Tensor& velocity() { return velocity_; }

 private:
  FlatParameters parameters_;
  at::Tensor velocity_;  ///< [P]
  double learning_rate_, weight_decay_, momentum_;
};

struct InsConstants {
  double temperature = 0.07;
  double contrast_weight = 0.5;
  double bag_weight = 0.5;
  double learning_rate = 0.01;
  double weight_decay = 1e-3;
};

/// B instances of one step. `weak` and `strong` are the rows of this process, b of them from row `first`; the
/// rest is of all processes.
struct InsBatch {
  at::Tensor weak, strong;  ///< [b, F], the two views
  at::Tensor index;         ///< [B] int64, rows of `confidence`
  at::Tensor candidates;    ///< [B, 2]: [1, 0] of a negative bag, [1, 1] of a positive one
  std::int64_t first = 0;
  bool is_warm_up = false;
  double confidence_momentum = 0.8;  ///< phi
};

/// What a step saw, of all processes and before the optimiser.
struct InsStep {
  at::Tensor logits;            ///< [B, 2]
  at::Tensor features;          ///< [2B, P], projected queries and keys
  at::Tensor pseudo_scores;     ///< [B, 2], softmax times candidates, not renormalised
  at::Tensor prototype_scores;  ///< [B, 2], by the prototypes before the step
  double class_loss = 0, contrast_loss = 0, loss = 0;
};

/// What INS learns and remembers [qu2024]: the trained network, its slow copy, the prototypes, the queue and
/// a soft label per instance. Parameters and buffers are its whole state but the optimiser's velocity.
///
/// @par Memory  8 bytes per instance of the training part, and the queue.
class InsLearnerModule : public torch::nn::Module {
 public:
  /// @param query       on its device
  /// @param key         another of the same shapes, on the same device; takes the query's weights
  /// @param confidence  [instances, 2], start values of the soft labels
  InsLearnerModule(std::shared_ptr<InsNetwork> query, std::shared_ptr<InsNetwork> key, std::int64_t embed_dim,
                   std::int64_t projection_dim, std::int64_t queue_size, const at::Tensor& confidence,
                   const InsConstants& constants);

  /// One step on instances, optimiser included, in the order of the official code: pseudo scores, prototypes
  /// (the scores use the old ones), the slow copy, keys, soft labels (after the warm-up), losses, queue.
  InsStep step(const InsBatch& batch, ProcessGroup& processes);

  /// One step on the bag constraint: cross-entropy of a linear classifier on the mean of the embedded tiles.
  /// @param rows   [n, F], this process's tiles of the bag, from number `first` on; may be none
  /// @param count  N, tiles of the bag
  /// @return       the constraint's loss, unweighted
  double step_on_bag(const at::Tensor& rows, std::int64_t first, std::int64_t count, std::int64_t label,
                     ProcessGroup& processes);

  [[nodiscard]] Sgd& optimiser() { return *optimiser_; }

  std::shared_ptr<InsNetwork> query, key;
  torch::nn::Linear bag_classifier{nullptr};
  at::Tensor prototypes;    ///< [2, P]
  at::Tensor confidence;    ///< [instances, 2]
  at::Tensor queue;         ///< [Q, P]
  at::Tensor queue_scores;  ///< [Q, 2]
  at::Tensor queue_place;   ///< [2] int64: where the next key goes, and how many there are

 private:
  void move_prototypes(const at::Tensor& projected, const at::Tensor& classes);
  void update_confidence(const InsBatch& batch, const at::Tensor& prototype_scores);
  void enqueue(const at::Tensor& keys, const at::Tensor& scores);

  InsConstants constants_;
  std::unique_ptr<Sgd> optimiser_;
  std::unique_ptr<FlatParameters> key_parameters_;
};

/// phi after the given epoch (from 0): 0.95 at first, 0.8 in the end.
[[nodiscard]] double confidence_momentum_after(double epoch, double epochs);

/// The rising line from log-odds of pooled instance probabilities to those of the bags' labels: logistic
/// regression with Platt's smoothed targets, slope at least 1e-3.
/// @param log_odds  one per bag; at least one bag
/// @param labels    0 or 1 per bag
/// @return          slope, offset
/// @par Reference  [platt1999]
[[nodiscard]] std::pair<double, double> fit_bag_line(const std::vector<double>& log_odds,
                                                     const std::vector<std::int64_t>& labels);

}  // namespace mil
