#pragma once

#include "tests/bench/repeat.h"

namespace bench {

/// SIDE: a ResNet-50 grader on photographs of SIDE x SIDE, ready cut.
void retina_infer(const Arguments& arguments);
/// SIDE: one training step of it (forward, cross-entropy, backward, Nesterov SGD).
void retina_train(const Arguments& arguments);
/// FILE: decode, field of view, crop to 512, baseline augmentation to 224, on one thread.
void retina_pictures(const Arguments& arguments);
/// FILE: libjpeg-turbo's decode of it to RGB alone, on one thread.
void jpeg_decode(const Arguments& arguments);

}  // namespace bench
