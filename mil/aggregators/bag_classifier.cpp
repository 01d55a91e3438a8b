#include "mil/aggregators/bag_classifier.h"
