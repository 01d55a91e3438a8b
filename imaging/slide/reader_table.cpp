#include "imaging/slide/reader_table.h"
