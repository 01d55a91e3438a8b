#include "models/encoders/encoder.h"
