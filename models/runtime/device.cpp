#include "models/runtime/device.h"
