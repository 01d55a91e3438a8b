#pragma once

#include <QImage>
#include <QString>

namespace gui {

/// Holds a picture against the committed one in tests/gui/references, which a person has looked at. Text may
/// fall a little differently with other fonts: few pixels may differ, and the picture as a whole hardly.
/// TESSERA_WRITE_REFERENCES=1 writes anew.
void expect_as_before(const QImage& shown, const QString& name);

}  // namespace gui
