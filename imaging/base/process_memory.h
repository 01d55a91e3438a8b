#pragma once

namespace imaging {

/// Lets the process keep freed memory for its next use instead of handing it back to the kernel, which would
/// clear every page of the next tile or tensor again: that took a sixth of the time to read a tile and half
/// of the time to encode one. Up to 512 MB may lie idle. Nothing where the C library is not glibc.
///
/// @par Threads  Once, at the start of a program, before it opens slides or networks.
void keep_freed_memory();

/// Hands freed memory back to the kernel all the same: between two steps of which the second needs much
/// memory of another kind. @par Threads  Safe.
void return_freed_memory();

}  // namespace imaging
