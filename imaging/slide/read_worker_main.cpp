#include <fcntl.h>

#include <cstdio>

#include "imaging/base/process_memory.h"
#include "imaging/slide/detail/read_protocol.h"
#include "imaging/slide/read_worker.h"
#include "imaging/slide/reader_table.h"

int main() {
  if (fcntl(imaging::detail::kSocketFd, F_GETFD) < 0) {
    std::fputs("tessera-read-worker decodes slides for tessera, which starts it by itself.\n", stderr);
    return 2;
  }
  imaging::keep_freed_memory();
  return imaging::serve_reads(&imaging::open_slide);
}
