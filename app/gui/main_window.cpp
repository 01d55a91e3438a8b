#include "app/workflows/case_folder.h"
