#pragma once

#include <filesystem>
#include <string_view>

namespace imaging {

/// True where a path lies on a file system whose server may stop to answer: NFS, SMB, SSHFS and other FUSE
/// servers, Ceph, Lustre and the like. Nothing on such a file system is touched, so the question itself never
/// stalls.
///
/// @param path       need not exist; symbolic links outside network file systems are followed
/// @param mountinfo  the kernel's table of mounts, as /proc/self/mountinfo holds it
[[nodiscard]] bool lies_on_network(const std::filesystem::path& path, std::string_view mountinfo);
/// The same with this process's mounts.
[[nodiscard]] bool lies_on_network(const std::filesystem::path& path);

}  // namespace imaging
