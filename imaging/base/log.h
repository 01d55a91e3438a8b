#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace imaging {

enum class LogLevel { info, warning };
using LogSink = std::function<void(LogLevel, const std::string&)>;

/// Where messages go; standard error until a front end sets its own. @par Threads  Safe.
void set_log_sink(LogSink sink);

/// For facts a person must know though nothing failed (a fallback, a guessed value). @par Threads  Safe.
void log(LogLevel level, std::string_view message);

}  // namespace imaging
