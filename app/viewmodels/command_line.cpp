#include "app/viewmodels/command_line.h"

#include <QRegularExpression>

namespace viewmodels {

QString CommandLine::text() const {
  static const QRegularExpression plain("^[A-Za-z0-9_@%+=:,./-]+$");
  QStringList quoted;
  for (auto word : words_) {
    if (!plain.match(word).hasMatch()) word = '\'' + word.replace('\'', "'\\''") + '\'';
    quoted << word;
  }
  return quoted.join(' ');
}

CommandLine command_line_of(const workflows::AnalyzeRequest& request) {
  CommandLine line({"analyze"});
  for (const auto& input : request.inputs.inputs) line.add(QString::fromStdString(input));
  line.add("--model", request.model);
  if (request.encoder) line.add("--encoder", *request.encoder);
  line.add("--out", request.out.string());
  line.add_options(request.inputs);
  line.add_options(request.options);
  line.add_options(request.fundus);
  line.add_options(request.tissue);
  line.add_options(request.segment);
  line.add_options(request.segment_tiling);
  line.add_options(request.inside);
  line.add_options(request.reading);
  line.add_options(request.runtime);
  return line;
}

CommandLine command_line_of(const workflows::SegmentAdaptRequest& request) {
  CommandLine line({"segment", "adapt"});
  for (const auto& input : request.inputs.inputs) line.add(QString::fromStdString(input));
  line.add("--model", request.model);
  line.add("--out", request.out.string());
  line.add_options(request.options);
  line.add_options(request.guard);
  line.add_options(request.sites);
  line.add_options(request.inputs);
  line.add_options(request.reading);
  line.add_options(request.runtime);
  return line;
}

}  // namespace viewmodels
