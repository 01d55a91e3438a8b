<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="de_DE" sourcelanguage="en">
<context>
    <name>QObject</name>
    <message>
        <source>Model card</source>
        <translation>Modellkarte</translation>
    </message>
    <message>
        <source>What the model is for, and where its limits are</source>
        <translation>Wofür das Modell ist und wo seine Grenzen liegen</translation>
    </message>
    <message>
        <source>Close</source>
        <translation>Schließen</translation>
    </message>
    <message>
        <source>Close this window (Esc)</source>
        <translation>Dieses Fenster schließen (Esc)</translation>
    </message>
    <message>
        <source>slides</source>
        <translation>Schnitte</translation>
    </message>
    <message>
        <source>fundus photographs</source>
        <translation>Fundusfotos</translation>
    </message>
    <message>
        <source>segmentation</source>
        <translation>Segmentierung</translation>
    </message>
    <message>
        <source>encoder of tiles</source>
        <translation>Kodierer von Kacheln</translation>
    </message>
    <message>
        <source>scale unknown</source>
        <translation>Maßstab unbekannt</translation>
    </message>
    <message>
        <source>worked in pixels</source>
        <translation>in Pixeln gearbeitet</translation>
    </message>
    <message>
        <source>%1 µm/px (%2)</source>
        <translation>%1 µm/px (%2)</translation>
    </message>
    <message>
        <source>%1 × %2 px · %3</source>
        <translation>%1 × %2 px · %3</translation>
    </message>
    <message>
        <source>x %1 µm   y %2 µm</source>
        <translation>x %1 µm   y %2 µm</translation>
    </message>
    <message>
        <source>x %1 px   y %2 px</source>
        <translation>x %1 px   y %2 px</translation>
    </message>
    <message>
        <source>%1 %</source>
        <translation>%1 %</translation>
    </message>
    <message>
        <source>%1×   %2 µm/px</source>
        <translation>%1×   %2 µm/px</translation>
    </message>
    <message>
        <source>%1 px</source>
        <translation>%1 px</translation>
    </message>
    <message>
        <source>%1 mm</source>
        <translation>%1 mm</translation>
    </message>
    <message>
        <source>%1 µm</source>
        <translation>%1 µm</translation>
    </message>
    <message>
        <source>%1 s</source>
        <translation>%1 s</translation>
    </message>
    <message>
        <source>%1 min %2 s</source>
        <translation>%1 min %2 s</translation>
    </message>
    <message>
        <source>%1 h %2 min</source>
        <translation>%1 h %2 min</translation>
    </message>
    <message>
        <source>%1 (%2)</source>
        <translation>%1 (%2)</translation>
    </message>
</context>
<context>
    <name>gui::AdaptPanel</name>
    <message>
        <source>Fits a segmenter to the pictures of another camera or scanner, without labels. The package it begins at is not changed.</source>
        <translation>Passt einen Segmentierer an die Bilder einer anderen Kamera oder eines anderen Scanners an, ohne Beschriftungen. Das Ausgangspaket bleibt unverändert.</translation>
    </message>
    <message>
        <source>Adapt a segmenter</source>
        <translation>Segmentierer anpassen</translation>
    </message>
    <message>
        <source>Segmenter</source>
        <translation>Segmentierer</translation>
    </message>
    <message>
        <source>The installed segmenter to begin at</source>
        <translation>Der installierte Segmentierer, von dem ausgegangen wird</translation>
    </message>
    <message>
        <source>No segmenter is installed</source>
        <translation>Kein Segmentierer ist installiert</translation>
    </message>
    <message>
        <source>Folder of pictures</source>
        <translation>Bilderordner</translation>
    </message>
    <message>
        <source>Choose the folder of pictures</source>
        <translation>Bilderordner wählen</translation>
    </message>
    <message>
        <source>Choose the folder of pictures to adapt to; no labels are needed</source>
        <translation>Den Ordner der Bilder wählen, an die angepasst wird; Beschriftungen braucht es nicht</translation>
    </message>
    <message>
        <source>Method</source>
        <translation>Verfahren</translation>
    </message>
    <message>
        <source>What is changed, and by which pictures</source>
        <translation>Was verändert wird, und nach welchen Bildern</translation>
    </message>
    <message>
        <source>Steps</source>
        <translation>Schritte</translation>
    </message>
    <message>
        <source>Steps of the adaptation</source>
        <translation>Schritte der Anpassung</translation>
    </message>
    <message>
        <source>Where a monitor trips</source>
        <translation>Wenn ein Wächter anschlägt</translation>
    </message>
    <message>
        <source>Monitors watch entropy, class shares and agreement; where one trips, the source comes back</source>
        <translation>Wächter achten auf Entropie, Klassenanteile und Übereinstimmung; schlägt einer an, kommt die Quelle zurück</translation>
    </message>
    <message>
        <source>roll back to the source</source>
        <translation>zurück zur Quelle</translation>
    </message>
    <message>
        <source>only warn</source>
        <translation>nur warnen</translation>
    </message>
    <message>
        <source>Each site by itself</source>
        <translation>Jeder Standort für sich</translation>
    </message>
    <message>
        <source>A package for each site of a table, each beginning at the source</source>
        <translation>Ein Paket für jeden Standort einer Tabelle, jedes von der Quelle ausgehend</translation>
    </message>
    <message>
        <source>Table of sites</source>
        <translation>Tabelle der Standorte</translation>
    </message>
    <message>
        <source>CSV with the columns file and site</source>
        <translation>CSV mit den Spalten file und site</translation>
    </message>
    <message>
        <source>Table…</source>
        <translation>Tabelle…</translation>
    </message>
    <message>
        <source>Adapt</source>
        <translation>Anpassen</translation>
    </message>
    <message>
        <source>Copy as command line</source>
        <translation>Als Befehlszeile kopieren</translation>
    </message>
    <message>
        <source>Copy the tessera command that does the same</source>
        <translation>Den tessera-Befehl kopieren, der dasselbe tut</translation>
    </message>
    <message>
        <source>Pictures</source>
        <translation>Bilder</translation>
    </message>
    <message>
        <source>Monitors</source>
        <translation>Wächter</translation>
    </message>
    <message>
        <source>The command is in the clipboard.</source>
        <translation>Der Befehl liegt in der Zwischenablage.</translation>
    </message>
    <message>
        <source>Site</source>
        <translation>Standort</translation>
    </message>
    <message>
        <source>The site whose adaptation is shown</source>
        <translation>Der Standort, dessen Anpassung gezeigt wird</translation>
    </message>
    <message>
        <source>What the monitors say</source>
        <translation>Was die Wächter sagen</translation>
    </message>
    <message>
        <source>Monitors before and after</source>
        <translation>Wächter vorher und nachher</translation>
    </message>
    <message>
        <source>What the monitors read on pictures of the folder, for the source and for the adapted segmenter</source>
        <translation>Was die Wächter an Bildern des Ordners ablesen, für die Quelle und für den angepassten Segmentierer</translation>
    </message>
    <message>
        <source>Before and after</source>
        <translation>Vorher und nachher</translation>
    </message>
    <message>
        <source>Use the adapted package</source>
        <translation>Das angepasste Paket verwenden</translation>
    </message>
    <message>
        <source>Analyse with the adapted package from now on</source>
        <translation>Von jetzt an mit dem angepassten Paket auswerten</translation>
    </message>
    <message>
        <source>Return to the parent package</source>
        <translation>Zurück zum Ausgangspaket</translation>
    </message>
    <message>
        <source>Analyse with the package that the adaptation began at; no file is touched</source>
        <translation>Mit dem Paket auswerten, von dem die Anpassung ausging; keine Datei wird angerührt</translation>
    </message>
    <message>
        <source>Begin this site again…</source>
        <translation>Diesen Standort neu beginnen…</translation>
    </message>
    <message>
        <source>Remove this adaptation, so that the next one begins at the source</source>
        <translation>Diese Anpassung entfernen, so dass die nächste wieder von der Quelle ausgeht</translation>
    </message>
    <message>
        <source>What came of it</source>
        <translation>Was daraus wurde</translation>
    </message>
    <message>
        <source>no folder chosen</source>
        <translation>kein Ordner gewählt</translation>
    </message>
    <message>
        <source>Put this adaptation into the queue</source>
        <translation>Diese Anpassung in die Warteschlange stellen</translation>
    </message>
    <message>
        <source>%1 (rolled back)</source>
        <translation>%1 (zurückgenommen)</translation>
    </message>
    <message>
        <source>Segment the open picture by both, and show them side by side in linked views</source>
        <translation>Das offene Bild mit beiden segmentieren und in verknüpften Ansichten nebeneinander zeigen</translation>
    </message>
    <message>
        <source>Folder of pictures to adapt to</source>
        <translation>Ordner der Bilder, an die angepasst wird</translation>
    </message>
    <message>
        <source>Table with the columns “file” and “site”</source>
        <translation>Tabelle mit den Spalten „file“ und „site“</translation>
    </message>
    <message>
        <source>CSV (*.csv)</source>
        <translation>CSV (*.csv)</translation>
    </message>
    <message>
        <source>All files (*)</source>
        <translation>Alle Dateien (*)</translation>
    </message>
    <message>
        <source>Begin again?</source>
        <translation>Neu beginnen?</translation>
    </message>
    <message>
        <source>The adapted package in %1 is removed, with its figures. The parent package stays.</source>
        <translation>Das angepasste Paket in %1 wird mit seinen Zahlen entfernt. Das Ausgangspaket bleibt.</translation>
    </message>
    <message>
        <source>Remove it</source>
        <translation>Entfernen</translation>
    </message>
</context>
<context>
    <name>gui::AnalyseDialog</name>
    <message>
        <source>Analyse</source>
        <translation>Auswerten</translation>
    </message>
    <message>
        <source>Copy as command line</source>
        <translation>Als Befehlszeile kopieren</translation>
    </message>
    <message>
        <source>Copy the tessera command that does the same</source>
        <translation>Kopiert den tessera-Befehl, der dasselbe tut</translation>
    </message>
    <message>
        <source>Analyse files of the project</source>
        <translation>Dateien des Projekts auswerten</translation>
    </message>
    <message>
        <source>Model</source>
        <translation>Modell</translation>
    </message>
    <message>
        <source>The model to analyse with</source>
        <translation>Das Modell, mit dem ausgewertet wird</translation>
    </message>
    <message>
        <source>Files that are left out</source>
        <translation>Dateien, die ausgelassen werden</translation>
    </message>
    <message>
        <source>Files that the model does not take, each with the reason</source>
        <translation>Dateien, die das Modell nicht annimmt, jede mit dem Grund</translation>
    </message>
    <message>
        <source>The command is in the clipboard.</source>
        <translation>Der Befehl liegt in der Zwischenablage.</translation>
    </message>
    <message>
        <source>No model is installed.</source>
        <translation>Es ist kein Modell installiert.</translation>
    </message>
    <message numerus="yes">
        <source>%n files will be analysed.</source>
        <translation>
            <numerusform>%n Datei wird ausgewertet.</numerusform>
            <numerusform>%n Dateien werden ausgewertet.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n are left out:</source>
        <translation>
            <numerusform>%n wird ausgelassen:</numerusform>
            <numerusform>%n werden ausgelassen:</numerusform>
        </translation>
    </message>
    <message>
        <source>%1: %2</source>
        <translation>%1: %2</translation>
    </message>
    <message>
        <source>Put this job into the queue</source>
        <translation>Stellt diesen Auftrag in die Warteschlange</translation>
    </message>
    <message>
        <source>The model takes none of these files</source>
        <translation>Das Modell nimmt keine dieser Dateien an</translation>
    </message>
</context>
<context>
    <name>gui::AnalysisPanel</name>
    <message>
        <source>Set scale…</source>
        <translation>Maßstab angeben …</translation>
    </message>
    <message>
        <source>Analyse</source>
        <translation>Auswerten</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Abbrechen</translation>
    </message>
    <message>
        <source>Open slides</source>
        <translation>Geöffnete Schnitte</translation>
    </message>
    <message>
        <source>The open slides; choose the one to look at</source>
        <translation>Die geöffneten Schnitte; wählen Sie, welcher gezeigt wird</translation>
    </message>
    <message>
        <source>Say how many µm a pixel of this image is wide</source>
        <translation>Angeben, wie viele µm ein Pixel dieses Bildes breit ist</translation>
    </message>
    <message>
        <source>Model</source>
        <translation>Modell</translation>
    </message>
    <message>
        <source>The model to analyse with</source>
        <translation>Das Modell, mit dem ausgewertet wird</translation>
    </message>
    <message>
        <source>No model installed</source>
        <translation>Kein Modell installiert</translation>
    </message>
    <message>
        <source>Where the results go</source>
        <translation>Wohin die Ergebnisse kommen</translation>
    </message>
    <message>
        <source>Choose where results go</source>
        <translation>Wählen, wohin die Ergebnisse kommen</translation>
    </message>
    <message>
        <source>Stop the running analysis</source>
        <translation>Die laufende Auswertung abbrechen</translation>
    </message>
    <message>
        <source>Progress of the analysis</source>
        <translation>Fortschritt der Auswertung</translation>
    </message>
    <message>
        <source>Slide</source>
        <translation>Schnitt</translation>
    </message>
    <message>
        <source>No slide is open</source>
        <translation>Kein Schnitt geöffnet</translation>
    </message>
    <message>
        <source>Run the chosen model on this slide (Ctrl+Return)</source>
        <translation>Das gewählte Modell auf diesen Schnitt anwenden (Strg+Eingabe)</translation>
    </message>
    <message>
        <source>“Tessera results” beside the slide</source>
        <translation>„Tessera results“ neben dem Schnitt</translation>
    </message>
    <message>
        <source>Results: %1</source>
        <translation>Ergebnisse: %1</translation>
    </message>
</context>
<context>
    <name>gui::AnnotationPanel</name>
    <message>
        <source>Tumour</source>
        <translation>Tumor</translation>
    </message>
    <message>
        <source>Stroma</source>
        <translation>Stroma</translation>
    </message>
    <message>
        <source>Necrosis</source>
        <translation>Nekrose</translation>
    </message>
    <message>
        <source>Immune cells</source>
        <translation>Immunzellen</translation>
    </message>
    <message>
        <source>Region</source>
        <translation>Region</translation>
    </message>
    <message>
        <source>Annotations</source>
        <translation>Anmerkungen</translation>
    </message>
    <message>
        <source>The annotations of this slide; double click one to go there</source>
        <translation>Die Anmerkungen dieses Schnitts; ein Doppelklick führt hin</translation>
    </message>
    <message>
        <source>Show</source>
        <translation>Zeigen</translation>
    </message>
    <message>
        <source>Show annotations</source>
        <translation>Anmerkungen zeigen</translation>
    </message>
    <message>
        <source>Show the annotations on the slide</source>
        <translation>Die Anmerkungen auf dem Schnitt zeigen</translation>
    </message>
    <message>
        <source>Fill</source>
        <translation>Füllen</translation>
    </message>
    <message>
        <source>Fill annotations</source>
        <translation>Anmerkungen füllen</translation>
    </message>
    <message>
        <source>Fill areas with their colour, or draw outlines alone</source>
        <translation>Flächen mit ihrer Farbe füllen oder nur Umrisse zeichnen</translation>
    </message>
    <message>
        <source>Analyse only inside</source>
        <translation>Nur innerhalb analysieren</translation>
    </message>
    <message>
        <source>Analyse only inside annotations</source>
        <translation>Nur innerhalb der Anmerkungen analysieren</translation>
    </message>
    <message>
        <source>The next analysis keeps to the tissue inside the areas drawn (of the class chosen above, where one is)</source>
        <translation>Die nächste Analyse bleibt im Gewebe innerhalb der gezeichneten Flächen (der oben gewählten Klasse, wenn eine gewählt ist)</translation>
    </message>
    <message>
        <source>Annotation files</source>
        <translation>Dateien mit Anmerkungen</translation>
    </message>
    <message>
        <source>Import and export annotations, masks and labels</source>
        <translation>Anmerkungen, Masken und Beschriftungen einlesen und ausgeben</translation>
    </message>
    <message>
        <source>Import and export</source>
        <translation>Einlesen und ausgeben</translation>
    </message>
    <message>
        <source>&amp;Import annotations…</source>
        <translation>Anmerkungen &amp;einlesen…</translation>
    </message>
    <message>
        <source>&amp;Export annotations…</source>
        <translation>Anmerkungen &amp;ausgeben…</translation>
    </message>
    <message>
        <source>Export &amp;mask and tile labels…</source>
        <translation>&amp;Maske und Kachelklassen ausgeben…</translation>
    </message>
    <message>
        <source>Undo (Ctrl+Z)</source>
        <translation>Rückgängig (Strg+Z)</translation>
    </message>
    <message>
        <source>Redo (Ctrl+Shift+Z)</source>
        <translation>Wiederherstellen (Strg+Umschalt+Z)</translation>
    </message>
    <message>
        <source>Class of new annotations</source>
        <translation>Klasse neuer Anmerkungen</translation>
    </message>
    <message>
        <source>What the next annotations are called; type a name for a new class</source>
        <translation>Wie die nächsten Anmerkungen heißen; für eine neue Klasse einen Namen eingeben</translation>
    </message>
    <message>
        <source>Class</source>
        <translation>Klasse</translation>
    </message>
    <message>
        <source>Name</source>
        <translation>Name</translation>
    </message>
    <message>
        <source>Name of this annotation</source>
        <translation>Name dieser Anmerkung</translation>
    </message>
    <message>
        <source>Class of this annotation</source>
        <translation>Klasse dieser Anmerkung</translation>
    </message>
    <message>
        <source>Notes</source>
        <translation>Notizen</translation>
    </message>
    <message>
        <source>Notes on this annotation</source>
        <translation>Notizen zu dieser Anmerkung</translation>
    </message>
    <message>
        <source>Locked</source>
        <translation>Gesperrt</translation>
    </message>
    <message>
        <source>Locked annotations cannot be moved or deleted</source>
        <translation>Gesperrte Anmerkungen lassen sich nicht verschieben oder löschen</translation>
    </message>
    <message>
        <source>Colour…</source>
        <translation>Farbe…</translation>
    </message>
    <message>
        <source>Colour</source>
        <translation>Farbe</translation>
    </message>
    <message>
        <source>Colour of this annotation alone</source>
        <translation>Farbe nur dieser Anmerkung</translation>
    </message>
    <message>
        <source>Save as image…</source>
        <translation>Als Bild sichern…</translation>
    </message>
    <message>
        <source>Save as image</source>
        <translation>Als Bild sichern</translation>
    </message>
    <message>
        <source>Save what lies in this annotation&apos;s box as a TIFF that keeps its scale</source>
        <translation>Was im Rahmen dieser Anmerkung liegt, als TIFF mit seinem Maßstab sichern</translation>
    </message>
    <message>
        <source>Delete</source>
        <translation>Löschen</translation>
    </message>
    <message>
        <source>Delete the chosen annotations (Del); Ctrl+Z brings them back</source>
        <translation>Die gewählten Anmerkungen löschen (Entf); Strg+Z bringt sie zurück</translation>
    </message>
    <message>
        <source>Size</source>
        <translation>Größe</translation>
    </message>
    <message>
        <source>(no class)</source>
        <translation>(keine Klasse)</translation>
    </message>
    <message>
        <source>Nothing is drawn yet. Choose a tool and draw on the slide; all is saved as you go.</source>
        <translation>Noch ist nichts gezeichnet. Ein Werkzeug wählen und auf dem Schnitt zeichnen; alles wird laufend gesichert.</translation>
    </message>
    <message>
        <source>%1 annotations, saved as you draw</source>
        <translation>%1 Anmerkungen, beim Zeichnen gesichert</translation>
    </message>
    <message>
        <source>Import annotations</source>
        <translation>Anmerkungen einlesen</translation>
    </message>
    <message>
        <source>Annotations of QuPath and ASAP, and masks (*.geojson *.json *.gz *.zip *.xml *.png *.tif *.tiff)</source>
        <translation>Anmerkungen von QuPath und ASAP, und Masken (*.geojson *.json *.gz *.zip *.xml *.png *.tif *.tiff)</translation>
    </message>
    <message>
        <source>All files (*)</source>
        <translation>Alle Dateien (*)</translation>
    </message>
    <message>
        <source>Export annotations</source>
        <translation>Anmerkungen ausgeben</translation>
    </message>
    <message>
        <source>GeoJSON of QuPath (*.geojson)</source>
        <translation>GeoJSON von QuPath (*.geojson)</translation>
    </message>
    <message>
        <source>XML of ASAP (*.xml)</source>
        <translation>XML von ASAP (*.xml)</translation>
    </message>
    <message>
        <source>Folder for the mask and the labelled tiles</source>
        <translation>Ordner für die Maske und die Kachelklassen</translation>
    </message>
    <message>
        <source>Save the region as an image</source>
        <translation>Die Region als Bild sichern</translation>
    </message>
    <message>
        <source>Pyramidal TIFF (*.tif)</source>
        <translation>Pyramidales TIFF (*.tif)</translation>
    </message>
    <message>
        <source>&amp;Move</source>
        <translation>&amp;Verschieben</translation>
    </message>
    <message>
        <source>Move the slide</source>
        <translation>Den Schnitt verschieben</translation>
    </message>
    <message>
        <source>&amp;Select</source>
        <translation>&amp;Auswählen</translation>
    </message>
    <message>
        <source>Choose, move and reshape annotations</source>
        <translation>Anmerkungen auswählen, verschieben und umformen</translation>
    </message>
    <message>
        <source>&amp;Rectangle</source>
        <translation>&amp;Rechteck</translation>
    </message>
    <message>
        <source>Rectangle: drag</source>
        <translation>Rechteck: ziehen</translation>
    </message>
    <message>
        <source>&amp;Ellipse</source>
        <translation>&amp;Ellipse</translation>
    </message>
    <message>
        <source>Ellipse: drag</source>
        <translation>Ellipse: ziehen</translation>
    </message>
    <message>
        <source>&amp;Polygon</source>
        <translation>&amp;Polygon</translation>
    </message>
    <message>
        <source>Polygon: click its corners; double click, Return or its first corner ends it</source>
        <translation>Polygon: Ecken anklicken; Doppelklick, Eingabetaste oder die erste Ecke beendet es</translation>
    </message>
    <message>
        <source>&amp;Freehand</source>
        <translation>&amp;Freihand</translation>
    </message>
    <message>
        <source>Freehand: draw around an area</source>
        <translation>Freihand: eine Fläche umfahren</translation>
    </message>
    <message>
        <source>P&amp;oint</source>
        <translation>P&amp;unkt</translation>
    </message>
    <message>
        <source>Point: click</source>
        <translation>Punkt: klicken</translation>
    </message>
    <message>
        <source>R&amp;uler</source>
        <translation>&amp;Lineal</translation>
    </message>
    <message>
        <source>Ruler: drag along what is measured</source>
        <translation>Lineal: entlang der Strecke ziehen</translation>
    </message>
    <message>
        <source>Add annotations of QuPath or ASAP, or a mask of class numbers</source>
        <translation>Anmerkungen von QuPath oder ASAP oder eine Maske von Klassennummern hinzufügen</translation>
    </message>
    <message>
        <source>Write these annotations for QuPath or ASAP</source>
        <translation>Diese Anmerkungen für QuPath oder ASAP schreiben</translation>
    </message>
    <message>
        <source>Write a picture of class numbers and a table of labelled tiles</source>
        <translation>Ein Bild von Klassennummern und eine Tabelle beschrifteter Kacheln schreiben</translation>
    </message>
</context>
<context>
    <name>gui::AssociatedDialog</name>
    <message>
        <source>Label and macro images</source>
        <translation>Etikett- und Übersichtsbilder</translation>
    </message>
    <message>
        <source>Image</source>
        <translation>Bild</translation>
    </message>
    <message>
        <source>The image to show</source>
        <translation>Das Bild, das gezeigt wird</translation>
    </message>
    <message>
        <source>These images often show the patient&apos;s name or a barcode. They are never exported.</source>
        <translation>Diese Bilder zeigen oft den Namen des Patienten oder einen Strichcode. Sie werden nie exportiert.</translation>
    </message>
    <message>
        <source>Show</source>
        <translation>Zeigen</translation>
    </message>
    <message>
        <source>Show the chosen image</source>
        <translation>Das gewählte Bild zeigen</translation>
    </message>
</context>
<context>
    <name>gui::CohortPanel</name>
    <message>
        <source>Export CSV…</source>
        <translation>Als CSV speichern …</translation>
    </message>
    <message>
        <source>Model of the cohort</source>
        <translation>Modell der Kohorte</translation>
    </message>
    <message>
        <source>The model whose results are shown</source>
        <translation>Das Modell, dessen Ergebnisse gezeigt werden</translation>
    </message>
    <message>
        <source>No results yet</source>
        <translation>Noch keine Ergebnisse</translation>
    </message>
    <message>
        <source>Class of histogram and curve</source>
        <translation>Klasse von Histogramm und Kurve</translation>
    </message>
    <message>
        <source>The class of the histogram and of the ROC curve</source>
        <translation>Die Klasse des Histogramms und der ROC-Kurve</translation>
    </message>
    <message>
        <source>Save this table, in this order, as CSV</source>
        <translation>Speichert diese Tabelle in dieser Reihenfolge als CSV</translation>
    </message>
    <message>
        <source>Results of the cohort</source>
        <translation>Ergebnisse der Kohorte</translation>
    </message>
    <message>
        <source>Click a heading to sort; double-click a row to open its file</source>
        <translation>Klick auf eine Überschrift sortiert; Doppelklick auf eine Zeile öffnet die Datei</translation>
    </message>
    <message>
        <source>Save the table</source>
        <translation>Tabelle speichern</translation>
    </message>
    <message>
        <source>CSV (*.csv)</source>
        <translation>CSV (*.csv)</translation>
    </message>
</context>
<context>
    <name>gui::ColourBar</name>
    <message>
        <source>Colours from %1 to %2</source>
        <translation>Farben von %1 bis %2</translation>
    </message>
</context>
<context>
    <name>gui::ConfusionView</name>
    <message>
        <source>Files with a label: a row per true class, a column per decided class</source>
        <translation>Dateien mit bekannter Klasse: je Zeile eine wahre, je Spalte eine entschiedene Klasse</translation>
    </message>
    <message>
        <source>Confusion matrix</source>
        <translation>Wahrheitsmatrix</translation>
    </message>
    <message>
        <source>Confusion</source>
        <translation>Wahrheitsmatrix</translation>
    </message>
    <message>
        <source>Needs files with a label</source>
        <translation>Braucht Dateien mit bekannter Klasse</translation>
    </message>
    <message>
        <source>%1 % of %2 right</source>
        <translation>%1 % von %2 richtig</translation>
    </message>
</context>
<context>
    <name>gui::DisplayPanel</name>
    <message>
        <source>Display</source>
        <translation>Darstellung</translation>
    </message>
    <message>
        <source>Changes the view only, never an analysis.</source>
        <translation>Ändert nur die Ansicht, nie eine Analyse.</translation>
    </message>
    <message>
        <source>Channel</source>
        <translation>Kanal</translation>
    </message>
    <message>
        <source>Colour, one stain of H&amp;E, or the green channel of a fundus photograph</source>
        <translation>Farbe, eine Färbung von H&amp;E oder der grüne Kanal einer Fundusaufnahme</translation>
    </message>
    <message>
        <source>Brightness</source>
        <translation>Helligkeit</translation>
    </message>
    <message>
        <source>Contrast</source>
        <translation>Kontrast</translation>
    </message>
    <message>
        <source>Gamma</source>
        <translation>Gamma</translation>
    </message>
    <message>
        <source>Dim outside the fundus field</source>
        <translation>Außerhalb des Fundusfelds abdunkeln</translation>
    </message>
    <message>
        <source>Find the camera&apos;s round field in a fundus photograph and dim all outside it</source>
        <translation>Das runde Feld der Kamera in einer Fundusaufnahme finden und alles außerhalb abdunkeln</translation>
    </message>
    <message>
        <source>Reset</source>
        <translation>Zurücksetzen</translation>
    </message>
    <message>
        <source>Show the pixels as they are</source>
        <translation>Die Pixel zeigen, wie sie sind</translation>
    </message>
</context>
<context>
    <name>gui::HeatmapPanel</name>
    <message>
        <source>Show</source>
        <translation>Zeigen</translation>
    </message>
    <message>
        <source>Show the heatmap</source>
        <translation>Wärmebild zeigen</translation>
    </message>
    <message>
        <source>Show the heatmap (H)</source>
        <translation>Wärmebild zeigen (H)</translation>
    </message>
    <message>
        <source>Score</source>
        <translation>Wert</translation>
    </message>
    <message>
        <source>Which score is painted</source>
        <translation>Welcher Wert gemalt wird</translation>
    </message>
    <message>
        <source>Values</source>
        <translation>Werte</translation>
    </message>
    <message>
        <source>Raw scores as the model gave them, or their ranks (display only)</source>
        <translation>Rohe Werte, wie das Modell sie gab, oder ihre Ränge (nur Anzeige)</translation>
    </message>
    <message>
        <source>Raw</source>
        <translation>Roh</translation>
    </message>
    <message>
        <source>Rank</source>
        <translation>Rang</translation>
    </message>
    <message>
        <source>Colours</source>
        <translation>Farben</translation>
    </message>
    <message>
        <source>Colours of the heatmap</source>
        <translation>Farben des Wärmebilds</translation>
    </message>
    <message>
        <source>Opacity</source>
        <translation>Deckkraft</translation>
    </message>
    <message>
        <source>How much the heatmap covers</source>
        <translation>Wie stark das Wärmebild deckt</translation>
    </message>
    <message>
        <source>Threshold</source>
        <translation>Schwelle</translation>
    </message>
    <message>
        <source>Tiles with a lower score are not painted</source>
        <translation>Kacheln mit kleinerem Wert werden nicht gemalt</translation>
    </message>
    <message>
        <source>Heatmap</source>
        <translation>Wärmebild</translation>
    </message>
    <message>
        <source>%1 %</source>
        <translation>%1 %</translation>
    </message>
    <message>
        <source>off</source>
        <translation>aus</translation>
    </message>
    <message>
        <source>Tile outlines</source>
        <translation>Kachelumrisse</translation>
    </message>
    <message>
        <source>Outline the tiles that were scored (G)</source>
        <translation>Die bewerteten Kacheln umranden (G)</translation>
    </message>
    <message>
        <source>Only on tissue</source>
        <translation>Nur auf Gewebe</translation>
    </message>
    <message>
        <source>Cut the heatmap along the tissue instead of painting whole tiles</source>
        <translation>Die Farbkarte am Gewebe abschneiden, statt ganze Kacheln zu malen</translation>
    </message>
</context>
<context>
    <name>gui::HistogramView</name>
    <message>
        <source>How many files have which probability of the chosen class</source>
        <translation>Wie viele Dateien welche Wahrscheinlichkeit der gewählten Klasse haben</translation>
    </message>
    <message>
        <source>Histogram of the probability of %1</source>
        <translation>Histogramm der Wahrscheinlichkeit von %1</translation>
    </message>
    <message>
        <source>Probability of %1</source>
        <translation>Wahrscheinlichkeit von %1</translation>
    </message>
    <message>
        <source>No results yet</source>
        <translation>Noch keine Ergebnisse</translation>
    </message>
    <message>
        <source>no label</source>
        <translation>ohne Angabe</translation>
    </message>
</context>
<context>
    <name>gui::JobsPanel</name>
    <message>
        <source>Cancel</source>
        <translation>Abbrechen</translation>
    </message>
    <message>
        <source>Retry</source>
        <translation>Wiederholen</translation>
    </message>
    <message>
        <source>Copy as command line</source>
        <translation>Als Befehlszeile kopieren</translation>
    </message>
    <message>
        <source>Clear ended</source>
        <translation>Beendete entfernen</translation>
    </message>
    <message>
        <source>Jobs</source>
        <translation>Aufträge</translation>
    </message>
    <message>
        <source>Jobs run one after another; choose one to see its log</source>
        <translation>Aufträge laufen nacheinander; wählen Sie einen, um sein Protokoll zu sehen</translation>
    </message>
    <message>
        <source>Progress of the running job</source>
        <translation>Fortschritt des laufenden Auftrags</translation>
    </message>
    <message>
        <source>Log of the chosen job</source>
        <translation>Protokoll des gewählten Auftrags</translation>
    </message>
    <message>
        <source>What the chosen job said</source>
        <translation>Was der gewählte Auftrag meldete</translation>
    </message>
    <message>
        <source>Stop the chosen job, or take it out of the queue</source>
        <translation>Den gewählten Auftrag abbrechen oder aus der Warteschlange nehmen</translation>
    </message>
    <message>
        <source>Run the chosen job again; what it had done stays done</source>
        <translation>Den gewählten Auftrag noch einmal ausführen; was fertig war, bleibt fertig</translation>
    </message>
    <message>
        <source>Copy the tessera command that does the same</source>
        <translation>Kopiert den tessera-Befehl, der dasselbe tut</translation>
    </message>
    <message>
        <source>Forget the jobs that ended; results stay</source>
        <translation>Beendete Aufträge vergessen; Ergebnisse bleiben</translation>
    </message>
    <message>
        <source>The command is in the clipboard.</source>
        <translation>Der Befehl liegt in der Zwischenablage.</translation>
    </message>
</context>
<context>
    <name>gui::KeyMapDialog</name>
    <message>
        <source>Keys</source>
        <translation>Tasten</translation>
    </message>
    <message>
        <source>Search the keys</source>
        <translation>Tasten durchsuchen</translation>
    </message>
    <message>
        <source>Show only what holds this text, as action or as key</source>
        <translation>Nur zeigen, was diesen Text als Aktion oder Taste enthält</translation>
    </message>
    <message>
        <source>Search</source>
        <translation>Suchen</translation>
    </message>
    <message>
        <source>Actions and their keys</source>
        <translation>Aktionen und ihre Tasten</translation>
    </message>
    <message>
        <source>Single letters and digits steer the view while it has the focus</source>
        <translation>Einzelne Buchstaben und Ziffern steuern die Ansicht, solange sie den Fokus hat</translation>
    </message>
    <message>
        <source>Action</source>
        <translation>Aktion</translation>
    </message>
    <message>
        <source>Key</source>
        <translation>Taste</translation>
    </message>
    <message>
        <source>Single keys steer the view while it has the focus: click on it. Mouse: the wheel zooms about the cursor, a drag moves, a double click zooms in and with Shift out.</source>
        <translation>Einzelne Tasten steuern die Ansicht, solange sie den Fokus hat: darauf klicken. Maus: das Rad vergrößert um den Zeiger, Ziehen verschiebt, ein Doppelklick vergrößert, mit Umschalt verkleinert er.</translation>
    </message>
    <message>
        <source>Close</source>
        <translation>Schließen</translation>
    </message>
    <message>
        <source>Close this window (Esc)</source>
        <translation>Dieses Fenster schließen (Esc)</translation>
    </message>
</context>
<context>
    <name>gui::LookArea</name>
    <message>
        <source>Annotations</source>
        <translation>Anmerkungen</translation>
    </message>
    <message>
        <source>Display</source>
        <translation>Darstellung</translation>
    </message>
    <message>
        <source>Side panels</source>
        <translation>Seitenleisten</translation>
    </message>
    <message>
        <source>More side panels</source>
        <translation>Weitere Seitenleisten</translation>
    </message>
    <message>
        <source>&amp;Magnification</source>
        <translation>&amp;Vergrößerung</translation>
    </message>
    <message>
        <source>%1×</source>
        <translation>%1×</translation>
    </message>
    <message>
        <source>&amp;Turn</source>
        <translation>&amp;Drehen</translation>
    </message>
    <message>
        <source>Quarter to the &amp;right</source>
        <translation>Vierteldrehung nach &amp;rechts</translation>
    </message>
    <message>
        <source>Quarter to the &amp;left</source>
        <translation>Vierteldrehung nach &amp;links</translation>
    </message>
    <message>
        <source>&amp;Mirror</source>
        <translation>&amp;Spiegeln</translation>
    </message>
    <message>
        <source>&amp;Upright</source>
        <translation>&amp;Aufrecht</translation>
    </message>
    <message>
        <source>As the slide was scanned</source>
        <translation>Wie der Schnitt aufgenommen wurde</translation>
    </message>
    <message>
        <source>&amp;Crosshair</source>
        <translation>&amp;Fadenkreuz</translation>
    </message>
    <message>
        <source>&amp;Views</source>
        <translation>&amp;Ansichten</translation>
    </message>
    <message numerus="yes">
        <source>%n view(s)</source>
        <translation>
            <numerusform>%n Ansicht</numerusform>
            <numerusform>%n Ansichten</numerusform>
        </translation>
    </message>
    <message>
        <source>Slides side by side; press one to work on it</source>
        <translation>Schnitte nebeneinander; einen anklicken, um an ihm zu arbeiten</translation>
    </message>
    <message>
        <source>Ctrl+Alt+%1</source>
        <translation>Ctrl+Alt+%1</translation>
    </message>
    <message>
        <source>&amp;Link them</source>
        <translation>&amp;Koppeln</translation>
    </message>
    <message>
        <source>Views move, zoom and turn together</source>
        <translation>Ansichten bewegen, vergrößern und drehen sich gemeinsam</translation>
    </message>
    <message>
        <source>Ctrl+L</source>
        <translation>Ctrl+L</translation>
    </message>
    <message>
        <source>Copy view as &amp;picture</source>
        <translation>Ansicht als &amp;Bild kopieren</translation>
    </message>
    <message>
        <source>The view with its overlays and scale bar, to the clipboard</source>
        <translation>Die Ansicht mit Überlagerungen und Maßstab in die Zwischenablage</translation>
    </message>
    <message>
        <source>Ctrl+Shift+C</source>
        <translation>Ctrl+Shift+C</translation>
    </message>
    <message>
        <source>&amp;Save view as picture…</source>
        <translation>Ansicht als Bild &amp;sichern…</translation>
    </message>
    <message>
        <source>The view with its overlays and scale bar, as PNG</source>
        <translation>Die Ansicht mit Überlagerungen und Maßstab als PNG</translation>
    </message>
    <message>
        <source>Ctrl+Shift+S</source>
        <translation>Ctrl+Shift+S</translation>
    </message>
    <message>
        <source>A&amp;nnotate</source>
        <translation>A&amp;nmerken</translation>
    </message>
    <message>
        <source>&amp;Undo</source>
        <translation>&amp;Rückgängig</translation>
    </message>
    <message>
        <source>Undo the last change of the annotations</source>
        <translation>Die letzte Änderung der Anmerkungen zurücknehmen</translation>
    </message>
    <message>
        <source>&amp;Redo</source>
        <translation>&amp;Wiederherstellen</translation>
    </message>
    <message>
        <source>Do it again</source>
        <translation>Noch einmal tun</translation>
    </message>
    <message>
        <source>&amp;Annotations</source>
        <translation>&amp;Anmerkungen</translation>
    </message>
    <message>
        <source>Ctrl+2</source>
        <translation>Ctrl+2</translation>
    </message>
    <message>
        <source>Ctrl+3</source>
        <translation>Ctrl+3</translation>
    </message>
    <message>
        <source>Anal&amp;ysis</source>
        <translation>Anal&amp;yse</translation>
    </message>
    <message>
        <source>Model, result and heatmap</source>
        <translation>Modell, Ergebnis und Farbkarte</translation>
    </message>
    <message>
        <source>Ctrl+1</source>
        <translation>Ctrl+1</translation>
    </message>
    <message>
        <source>The tessera command that writes the mask and the tile labels of these annotations</source>
        <translation>Der tessera-Befehl, der die Maske und die Kachelklassen dieser Anmerkungen schreibt</translation>
    </message>
    <message>
        <source>&amp;Undo: %1</source>
        <translation>&amp;Rückgängig: %1</translation>
    </message>
    <message>
        <source>&amp;Redo: %1</source>
        <translation>&amp;Wiederherstellen: %1</translation>
    </message>
    <message>
        <source>The view was copied as a picture.</source>
        <translation>Die Ansicht wurde als Bild kopiert.</translation>
    </message>
    <message>
        <source>Save the view as a picture</source>
        <translation>Die Ansicht als Bild sichern</translation>
    </message>
    <message>
        <source>PNG (*.png)</source>
        <translation>PNG (*.png)</translation>
    </message>
    <message>
        <source>The view was saved as %1.</source>
        <translation>Die Ansicht wurde als %1 gesichert.</translation>
    </message>
    <message>
        <source>Copied: %1</source>
        <translation>Kopiert: %1</translation>
    </message>
    <message>
        <source>Annotations of another slide?</source>
        <translation>Anmerkungen eines anderen Schnitts?</translation>
    </message>
    <message>
        <source>Add them all the same</source>
        <translation>Trotzdem alle hinzufügen</translation>
    </message>
    <message>
        <source>%1 µm per screen pixel</source>
        <translation>%1 µm je Bildschirmpixel</translation>
    </message>
    <message>
        <source>Turn clockwise</source>
        <translation>Im Uhrzeigersinn drehen</translation>
    </message>
    <message>
        <source>Turn anticlockwise</source>
        <translation>Gegen den Uhrzeigersinn drehen</translation>
    </message>
    <message>
        <source>Exchange left and right</source>
        <translation>Links und rechts vertauschen</translation>
    </message>
    <message>
        <source>Crosshair with coordinates</source>
        <translation>Fadenkreuz mit Koordinaten</translation>
    </message>
    <message>
        <source>&amp;Tools</source>
        <translation>&amp;Werkzeuge</translation>
    </message>
    <message>
        <source>&amp;End the polygon</source>
        <translation>Polygon b&amp;eenden</translation>
    </message>
    <message>
        <source>End the polygon that is being drawn</source>
        <translation>Das Polygon beenden, das gezeichnet wird</translation>
    </message>
    <message>
        <source>&amp;Drop it</source>
        <translation>Ver&amp;werfen</translation>
    </message>
    <message>
        <source>Drop what is being drawn, or go back to moving the slide</source>
        <translation>Verwerfen, was gezeichnet wird, oder zurück zum Verschieben</translation>
    </message>
    <message>
        <source>De&amp;lete</source>
        <translation>&amp;Löschen</translation>
    </message>
    <message>
        <source>Delete the chosen annotation</source>
        <translation>Die gewählte Anmerkung löschen</translation>
    </message>
    <message>
        <source>Tools and list of annotations</source>
        <translation>Werkzeuge und Liste der Anmerkungen</translation>
    </message>
    <message>
        <source>D&amp;isplay</source>
        <translation>Darst&amp;ellung</translation>
    </message>
    <message>
        <source>Brightness, contrast, stains</source>
        <translation>Helligkeit, Kontrast, Färbungen</translation>
    </message>
    <message>
        <source>Ctrl+Z</source>
        <translation>Ctrl+Z</translation>
    </message>
    <message>
        <source>Ctrl+Shift+Z</source>
        <translation>Ctrl+Shift+Z</translation>
    </message>
    <message>
        <source>Ctrl+Y</source>
        <translation>Ctrl+Y</translation>
    </message>
    <message>
        <source>Copy as &amp;command line</source>
        <translation>Als &amp;Befehlszeile kopieren</translation>
    </message>
    <message>
        <source>&amp;Import</source>
        <translation>&amp;Import</translation>
    </message>
    <message>
        <source>The tessera command that adds the file that was imported last</source>
        <translation>Der tessera-Befehl, der die zuletzt importierte Datei hinzufügt</translation>
    </message>
    <message>
        <source>&amp;Export</source>
        <translation>&amp;Export</translation>
    </message>
    <message>
        <source>The tessera command that writes these annotations for ASAP or QuPath</source>
        <translation>Der tessera-Befehl, der diese Annotationen für ASAP oder QuPath schreibt</translation>
    </message>
    <message>
        <source>&amp;Mask and tile labels</source>
        <translation>&amp;Maske und Kachelklassen</translation>
    </message>
    <message>
        <source>&amp;Region as an image</source>
        <translation>&amp;Bereich als Bild</translation>
    </message>
    <message>
        <source>The tessera command that saves the part of the slide around the chosen area</source>
        <translation>Der tessera-Befehl, der den Ausschnitt um die gewählte Fläche speichert</translation>
    </message>
</context>
<context>
    <name>gui::MainWindow</name>
    <message>
        <source>&amp;Open…</source>
        <translation>Ö&amp;ffnen …</translation>
    </message>
    <message>
        <source>&amp;Close slide</source>
        <translation>S&amp;chnitt schließen</translation>
    </message>
    <message>
        <source>&amp;Export report…</source>
        <translation>&amp;Bericht speichern …</translation>
    </message>
    <message>
        <source>Ctrl+E</source>
        <translation>Ctrl+E</translation>
    </message>
    <message>
        <source>&amp;Results folder…</source>
        <translation>&amp;Ergebnisordner …</translation>
    </message>
    <message>
        <source>&amp;Quit</source>
        <translation>B&amp;eenden</translation>
    </message>
    <message>
        <source>&amp;Whole slide</source>
        <translation>&amp;Ganzer Schnitt</translation>
    </message>
    <message>
        <source>&amp;Full resolution</source>
        <translation>&amp;Volle Auflösung</translation>
    </message>
    <message>
        <source>Zoom &amp;in</source>
        <translation>Ver&amp;größern</translation>
    </message>
    <message>
        <source>Zoom &amp;out</source>
        <translation>Ver&amp;kleinern</translation>
    </message>
    <message>
        <source>&amp;Heatmap</source>
        <translation>&amp;Wärmebild</translation>
    </message>
    <message>
        <source>&amp;Top tiles</source>
        <translation>&amp;Höchste Kacheln</translation>
    </message>
    <message>
        <source>Overview &amp;map</source>
        <translation>Übersichts&amp;karte</translation>
    </message>
    <message>
        <source>Full &amp;screen</source>
        <translation>Voll&amp;bild</translation>
    </message>
    <message>
        <source>&amp;Analyse slide</source>
        <translation>Schnitt &amp;auswerten</translation>
    </message>
    <message>
        <source>Ctrl+Return</source>
        <translation>Ctrl+Return</translation>
    </message>
    <message>
        <source>&amp;Cancel</source>
        <translation>Ab&amp;brechen</translation>
    </message>
    <message>
        <source>Ctrl+.</source>
        <translation>Ctrl+.</translation>
    </message>
    <message>
        <source>&amp;Keys</source>
        <translation>&amp;Tasten</translation>
    </message>
    <message>
        <source>&amp;File</source>
        <translation>&amp;Datei</translation>
    </message>
    <message>
        <source>&amp;View</source>
        <translation>&amp;Ansicht</translation>
    </message>
    <message>
        <source>&amp;Analyse</source>
        <translation>A&amp;uswerten</translation>
    </message>
    <message>
        <source>&amp;Help</source>
        <translation>&amp;Hilfe</translation>
    </message>
    <message>
        <source>Tools</source>
        <translation>Werkzeuge</translation>
    </message>
    <message>
        <source>Top tiles</source>
        <translation>Höchste Kacheln</translation>
    </message>
    <message>
        <source>Tiles with the highest scores; click one to go there</source>
        <translation>Kacheln mit den höchsten Werten; Klick führt hin</translation>
    </message>
    <message>
        <source>Analysis</source>
        <translation>Auswertung</translation>
    </message>
    <message>
        <source>Place under the cursor</source>
        <translation>Ort unter dem Zeiger</translation>
    </message>
    <message>
        <source>Magnification</source>
        <translation>Vergrößerung</translation>
    </message>
    <message>
        <source>Magnification on this screen (10 µm per pixel is 1×) and µm per screen pixel</source>
        <translation>Vergrößerung auf diesem Bildschirm (10 µm je Pixel sind 1×) und µm je Bildschirmpixel</translation>
    </message>
    <message>
        <source>Research use only. Not for diagnosis.</source>
        <translation>Nur für die Forschung. Nicht zur Diagnose.</translation>
    </message>
    <message>
        <source>Open slides</source>
        <translation>Geöffnete Schnitte</translation>
    </message>
    <message>
        <source>Slides and images (%1)</source>
        <translation>Schnitte und Bilder (%1)</translation>
    </message>
    <message>
        <source>All files (*)</source>
        <translation>Alle Dateien (*)</translation>
    </message>
    <message>
        <source>Folder for results (cancel for “Tessera results” beside each slide)</source>
        <translation>Ordner für Ergebnisse (Abbrechen für „Tessera results“ neben jedem Schnitt)</translation>
    </message>
    <message>
        <source>Save the report</source>
        <translation>Bericht speichern</translation>
    </message>
    <message>
        <source>PDF (*.pdf)</source>
        <translation>PDF (*.pdf)</translation>
    </message>
    <message>
        <source>HTML (*.html)</source>
        <translation>HTML (*.html)</translation>
    </message>
    <message>
        <source>%1 – Tessera Studio</source>
        <translation>%1 – Tessera Studio</translation>
    </message>
    <message>
        <source>Tessera Studio</source>
        <translation>Tessera Studio</translation>
    </message>
    <message>
        <source>   score %1</source>
        <translation>   Wert %1</translation>
    </message>
    <message>
        <source>Which tiles</source>
        <translation>Welche Kacheln</translation>
    </message>
    <message>
        <source>The tiles with the highest or with the lowest scores of the score that is painted</source>
        <translation>Die Kacheln mit den höchsten oder den niedrigsten Werten der gemalten Bewertung</translation>
    </message>
    <message>
        <source>Bottom tiles</source>
        <translation>Unterste Kacheln</translation>
    </message>
    <message>
        <source>Open slides and photographs</source>
        <translation>Schnitte und Fotos öffnen</translation>
    </message>
    <message>
        <source>Close the slide that is looked at</source>
        <translation>Den gezeigten Schnitt schließen</translation>
    </message>
    <message>
        <source>Open a&amp;gain</source>
        <translation>Er&amp;neut öffnen</translation>
    </message>
    <message>
        <source>Read the file anew, as it is now</source>
        <translation>Die Datei neu lesen, wie sie jetzt ist</translation>
    </message>
    <message>
        <source>Save the report as PDF or HTML</source>
        <translation>Den Bericht als PDF oder HTML speichern</translation>
    </message>
    <message>
        <source>Choose where results go</source>
        <translation>Wählen, wohin Ergebnisse kommen</translation>
    </message>
    <message>
        <source>Close the studio</source>
        <translation>Das Studio schließen</translation>
    </message>
    <message>
        <source>Ctrl+Q</source>
        <translation>Ctrl+Q</translation>
    </message>
    <message>
        <source>Show the whole slide</source>
        <translation>Den ganzen Schnitt zeigen</translation>
    </message>
    <message>
        <source>One slide pixel on one screen pixel</source>
        <translation>Ein Schnittpixel auf einem Bildschirmpixel</translation>
    </message>
    <message>
        <source>Zoom in</source>
        <translation>Vergrößern</translation>
    </message>
    <message>
        <source>Zoom out</source>
        <translation>Verkleinern</translation>
    </message>
    <message>
        <source>Show the heatmap</source>
        <translation>Das Wärmebild zeigen</translation>
    </message>
    <message>
        <source>&amp;Segmentation</source>
        <translation>&amp;Segmentierung</translation>
    </message>
    <message>
        <source>Show the classes that a segmenter found</source>
        <translation>Die Klassen zeigen, die ein Segmentierer fand</translation>
    </message>
    <message>
        <source>Tile out&amp;lines</source>
        <translation>Kache&amp;lumrisse</translation>
    </message>
    <message>
        <source>Outline the tiles that were scored</source>
        <translation>Die bewerteten Kacheln umranden</translation>
    </message>
    <message>
        <source>Outline the top tiles on the slide</source>
        <translation>Die höchsten Kacheln auf dem Schnitt umranden</translation>
    </message>
    <message>
        <source>Show the overview map</source>
        <translation>Die Übersichtskarte zeigen</translation>
    </message>
    <message>
        <source>The window on the whole screen</source>
        <translation>Das Fenster auf dem ganzen Bildschirm</translation>
    </message>
    <message>
        <source>Run the chosen model on this slide</source>
        <translation>Das gewählte Modell auf diesen Schnitt anwenden</translation>
    </message>
    <message>
        <source>Stop the running analysis</source>
        <translation>Die laufende Auswertung anhalten</translation>
    </message>
    <message>
        <source>All keys of this window</source>
        <translation>Alle Tasten dieses Fensters</translation>
    </message>
    <message>
        <source>Mo&amp;ve</source>
        <translation>&amp;Verschieben</translation>
    </message>
    <message>
        <source>&amp;Left</source>
        <translation>Nach &amp;links</translation>
    </message>
    <message>
        <source>Look further to the left</source>
        <translation>Weiter nach links sehen</translation>
    </message>
    <message>
        <source>&amp;Right</source>
        <translation>Nach &amp;rechts</translation>
    </message>
    <message>
        <source>Look further to the right</source>
        <translation>Weiter nach rechts sehen</translation>
    </message>
    <message>
        <source>&amp;Up</source>
        <translation>Nach &amp;oben</translation>
    </message>
    <message>
        <source>Look further up</source>
        <translation>Weiter nach oben sehen</translation>
    </message>
    <message>
        <source>&amp;Down</source>
        <translation>Nach &amp;unten</translation>
    </message>
    <message>
        <source>Look further down</source>
        <translation>Weiter nach unten sehen</translation>
    </message>
    <message>
        <source>Grade an ungradable photograph?</source>
        <translation>Ein nicht beurteilbares Foto beurteilen?</translation>
    </message>
    <message>
        <source>The quality gate finds that this photograph cannot be graded. A grade all the same may be wrong; that it was asked for stands in the result and in the report.</source>
        <translation>Die Qualitätsprüfung hält dieses Foto für nicht beurteilbar. Ein Grad trotzdem kann falsch sein; dass er verlangt wurde, steht im Ergebnis und im Bericht.</translation>
    </message>
    <message>
        <source>Grade it</source>
        <translation>Beurteilen</translation>
    </message>
    <message>
        <source>   %1</source>
        <translation>   %1</translation>
    </message>
    <message>
        <source>Ctrl+W</source>
        <translation>Ctrl+W</translation>
    </message>
</context>
<context>
    <name>gui::MaskPanel</name>
    <message>
        <source>Show</source>
        <translation>Zeigen</translation>
    </message>
    <message>
        <source>Show the segmentation</source>
        <translation>Die Segmentierung zeigen</translation>
    </message>
    <message>
        <source>Show the classes that the segmenter found</source>
        <translation>Die Klassen zeigen, die der Segmentierer fand</translation>
    </message>
    <message>
        <source>Opacity of fills</source>
        <translation>Deckkraft der Füllungen</translation>
    </message>
    <message>
        <source>How much filled classes cover</source>
        <translation>Wie stark gefüllte Klassen decken</translation>
    </message>
    <message>
        <source>Segmentation</source>
        <translation>Segmentierung</translation>
    </message>
    <message>
        <source>Opacity</source>
        <translation>Deckkraft</translation>
    </message>
    <message>
        <source>Show the class %1</source>
        <translation>Die Klasse %1 zeigen</translation>
    </message>
    <message>
        <source>Colour of %1</source>
        <translation>Farbe von %1</translation>
    </message>
    <message>
        <source>Colour of %1; display only</source>
        <translation>Farbe von %1; nur zur Anzeige</translation>
    </message>
    <message>
        <source>How %1 is drawn</source>
        <translation>Wie %1 gezeichnet wird</translation>
    </message>
    <message>
        <source>Draw %1 as outline, as fill, or both</source>
        <translation>%1 als Umriss, als Füllung oder beides zeichnen</translation>
    </message>
    <message>
        <source>outline and fill</source>
        <translation>Umriss und Füllung</translation>
    </message>
    <message>
        <source>outline</source>
        <translation>Umriss</translation>
    </message>
    <message>
        <source>fill</source>
        <translation>Füllung</translation>
    </message>
    <message>
        <source>%1 %</source>
        <translation>%1 %</translation>
    </message>
</context>
<context>
    <name>gui::MessageBar</name>
    <message>
        <source>Messages</source>
        <translation>Meldungen</translation>
    </message>
    <message>
        <source>Close this message</source>
        <translation>Diese Meldung schließen</translation>
    </message>
    <message numerus="yes">
        <source>%n more</source>
        <translation>
            <numerusform>%n weitere</numerusform>
            <numerusform>%n weitere</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>gui::ModelsDialog</name>
    <message>
        <source>Verify</source>
        <translation>Prüfen</translation>
    </message>
    <message>
        <source>Check every file against its sha256</source>
        <translation>Jede Datei gegen ihre sha256 prüfen</translation>
    </message>
    <message>
        <source>Remove…</source>
        <translation>Entfernen …</translation>
    </message>
    <message>
        <source>Models</source>
        <translation>Modelle</translation>
    </message>
    <message>
        <source>Installed models</source>
        <translation>Installierte Modelle</translation>
    </message>
    <message>
        <source>The installed models; choose one to read its card</source>
        <translation>Die installierten Modelle; wählen Sie eines, um seine Karte zu lesen</translation>
    </message>
    <message>
        <source>Install .tsr…</source>
        <translation>.tsr installieren …</translation>
    </message>
    <message>
        <source>Install a model from a .tsr file</source>
        <translation>Ein Modell aus einer .tsr-Datei installieren</translation>
    </message>
    <message>
        <source>Install folder…</source>
        <translation>Ordner installieren …</translation>
    </message>
    <message>
        <source>Install a model from its folder</source>
        <translation>Ein Modell aus seinem Ordner installieren</translation>
    </message>
    <message>
        <source>Looking for models…</source>
        <translation>Modelle werden gesucht …</translation>
    </message>
    <message>
        <source>No model is installed.</source>
        <translation>Es ist kein Modell installiert.</translation>
    </message>
    <message>
        <source>This model belongs to the installation; only models you installed are removed</source>
        <translation>Dieses Modell gehört zur Installation; entfernt werden nur selbst installierte Modelle</translation>
    </message>
    <message>
        <source>Delete the chosen model from your model folder</source>
        <translation>Das gewählte Modell aus Ihrem Modellordner löschen</translation>
    </message>
    <message>
        <source>Folder of the model</source>
        <translation>Ordner des Modells</translation>
    </message>
    <message>
        <source>Model file</source>
        <translation>Modelldatei</translation>
    </message>
    <message>
        <source>Model packages (*.tsr)</source>
        <translation>Modellpakete (*.tsr)</translation>
    </message>
    <message>
        <source>Remove the model %1?</source>
        <translation>Das Modell %1 entfernen?</translation>
    </message>
    <message>
        <source>Its files are deleted from your model folder. Results made with it stay.</source>
        <translation>Seine Dateien werden aus Ihrem Modellordner gelöscht. Damit gewonnene Ergebnisse bleiben.</translation>
    </message>
    <message>
        <source>Remove</source>
        <translation>Entfernen</translation>
    </message>
    <message>
        <source>Keep</source>
        <translation>Behalten</translation>
    </message>
    <message>
        <source>Copy as command line</source>
        <translation>Als Befehlszeile kopieren</translation>
    </message>
    <message>
        <source>Copy the tessera command that does the same</source>
        <translation>Den tessera-Befehl kopieren, der dasselbe tut</translation>
    </message>
    <message>
        <source>&amp;Install</source>
        <translation>&amp;Installieren</translation>
    </message>
    <message>
        <source>The command that installs what was installed last</source>
        <translation>Der Befehl, der installiert, was zuletzt installiert wurde</translation>
    </message>
    <message>
        <source>&amp;Verify</source>
        <translation>&amp;Prüfen</translation>
    </message>
    <message>
        <source>The command that verifies this model</source>
        <translation>Der Befehl, der dieses Modell prüft</translation>
    </message>
    <message>
        <source>&amp;Remove</source>
        <translation>&amp;Entfernen</translation>
    </message>
    <message>
        <source>The command that removes this model</source>
        <translation>Der Befehl, der dieses Modell entfernt</translation>
    </message>
</context>
<context>
    <name>gui::OverviewMap</name>
    <message>
        <source>Overview map</source>
        <translation>Übersichtskarte</translation>
    </message>
    <message>
        <source>The whole slide. Click or drag to go there (O hides the map).</source>
        <translation>Der ganze Schnitt. Klicken oder ziehen führt hin (O verbirgt die Karte).</translation>
    </message>
</context>
<context>
    <name>gui::PreferencesDialog</name>
    <message>
        <source>Preferences</source>
        <translation>Einstellungen</translation>
    </message>
    <message>
        <source>Tile cache</source>
        <translation>Kachelspeicher</translation>
    </message>
    <message>
        <source>Memory for decoded tiles; from the next start</source>
        <translation>Speicher für entpackte Kacheln; ab dem nächsten Start</translation>
    </message>
    <message>
        <source> MiB</source>
        <translation> MiB</translation>
    </message>
    <message>
        <source>Threads</source>
        <translation>Threads</translation>
    </message>
    <message>
        <source>Threads of analyses; 0 uses all</source>
        <translation>Threads der Auswertungen; 0 nimmt alle</translation>
    </message>
    <message>
        <source>all</source>
        <translation>alle</translation>
    </message>
    <message>
        <source>Device</source>
        <translation>Gerät</translation>
    </message>
    <message>
        <source>Where networks run: auto, cpu, cuda or cuda:N</source>
        <translation>Wo Netze rechnen: auto, cpu, cuda oder cuda:N</translation>
    </message>
    <message>
        <source>Theme</source>
        <translation>Aussehen</translation>
    </message>
    <message>
        <source>Light or dark window</source>
        <translation>Helles oder dunkles Fenster</translation>
    </message>
    <message>
        <source>as the desktop</source>
        <translation>wie der Schreibtisch</translation>
    </message>
    <message>
        <source>light</source>
        <translation>hell</translation>
    </message>
    <message>
        <source>dark</source>
        <translation>dunkel</translation>
    </message>
    <message>
        <source>Language</source>
        <translation>Sprache</translation>
    </message>
    <message>
        <source>Language of the window; from the next start</source>
        <translation>Sprache des Fensters; ab dem nächsten Start</translation>
    </message>
    <message>
        <source>Save</source>
        <translation>Speichern</translation>
    </message>
    <message>
        <source>Keep these settings</source>
        <translation>Diese Einstellungen behalten</translation>
    </message>
    <message>
        <source>The device is auto, cpu, cuda or cuda:N.</source>
        <translation>Das Gerät ist auto, cpu, cuda oder cuda:N.</translation>
    </message>
</context>
<context>
    <name>gui::ProbabilityBars</name>
    <message>
        <source>%1: %2 %</source>
        <translation>%1: %2 %</translation>
    </message>
    <message>
        <source>Class probabilities</source>
        <translation>Wahrscheinlichkeiten der Klassen</translation>
    </message>
    <message>
        <source>%1 %</source>
        <translation>%1 %</translation>
    </message>
</context>
<context>
    <name>gui::ReportDialog</name>
    <message>
        <source>Sign off</source>
        <translation>Abzeichnen</translation>
    </message>
    <message>
        <source>Record name and note in the report</source>
        <translation>Name und Vermerk im Bericht festhalten</translation>
    </message>
    <message>
        <source>Copy as command line</source>
        <translation>Als Befehlszeile kopieren</translation>
    </message>
    <message>
        <source>Copy the tessera command that signs off so</source>
        <translation>Den tessera-Befehl kopieren, der so abzeichnet</translation>
    </message>
    <message>
        <source>Report</source>
        <translation>Bericht</translation>
    </message>
    <message>
        <source>Pages of the report</source>
        <translation>Seiten des Berichts</translation>
    </message>
    <message>
        <source>The report as it prints</source>
        <translation>Der Bericht, wie er gedruckt wird</translation>
    </message>
    <message>
        <source>Reviewer</source>
        <translation>Prüfer</translation>
    </message>
    <message>
        <source>Your name, as it shall stand in the report</source>
        <translation>Ihr Name, wie er im Bericht stehen soll</translation>
    </message>
    <message>
        <source>Note of the sign-off</source>
        <translation>Vermerk der Abzeichnung</translation>
    </message>
    <message>
        <source>What you say of this case; stands in the report</source>
        <translation>Was Sie zu diesem Fall sagen; steht im Bericht</translation>
    </message>
    <message>
        <source>What you say of this case</source>
        <translation>Was Sie zu diesem Fall sagen</translation>
    </message>
    <message>
        <source>Save PDF…</source>
        <translation>PDF speichern …</translation>
    </message>
    <message>
        <source>Save the report as PDF</source>
        <translation>Den Bericht als PDF speichern</translation>
    </message>
    <message>
        <source>Save HTML…</source>
        <translation>HTML speichern …</translation>
    </message>
    <message>
        <source>Save the report as one HTML page</source>
        <translation>Den Bericht als eine HTML-Seite speichern</translation>
    </message>
    <message>
        <source>Sign-off</source>
        <translation>Abzeichnung</translation>
    </message>
    <message>
        <source>Note</source>
        <translation>Vermerk</translation>
    </message>
    <message>
        <source>Export</source>
        <translation>Speichern</translation>
    </message>
    <message>
        <source>The command is in the clipboard.</source>
        <translation>Der Befehl liegt in der Zwischenablage.</translation>
    </message>
    <message>
        <source>Working…</source>
        <translation>In Arbeit …</translation>
    </message>
    <message>
        <source>Signed off by %1, %2. Signing again replaces it.</source>
        <translation>Abgezeichnet von %1, %2. Erneutes Abzeichnen ersetzt es.</translation>
    </message>
    <message>
        <source>Nobody has signed this report off.</source>
        <translation>Niemand hat diesen Bericht abgezeichnet.</translation>
    </message>
    <message>
        <source>Page %1 of %2</source>
        <translation>Seite %1 von %2</translation>
    </message>
    <message>
        <source>Save the report</source>
        <translation>Bericht speichern</translation>
    </message>
</context>
<context>
    <name>gui::ResultPanel</name>
    <message>
        <source>Verdict of the model</source>
        <translation>Befund des Modells</translation>
    </message>
    <message>
        <source>The most probable class</source>
        <translation>Die wahrscheinlichste Klasse</translation>
    </message>
    <message>
        <source>Result</source>
        <translation>Ergebnis</translation>
    </message>
    <message>
        <source>No verdict: the model abstains</source>
        <translation>Kein Befund: das Modell enthält sich</translation>
    </message>
    <message>
        <source>No verdict</source>
        <translation>Kein Befund</translation>
    </message>
    <message>
        <source>Analysis %1</source>
        <translation>Auswertung: %1</translation>
    </message>
    <message>
        <source>Warning</source>
        <translation>Warnung</translation>
    </message>
    <message>
        <source>Scale</source>
        <translation>Maßstab</translation>
    </message>
    <message>
        <source>Model</source>
        <translation>Modell</translation>
    </message>
    <message>
        <source>Encoder</source>
        <translation>Kodierer</translation>
    </message>
    <message>
        <source>Tiles</source>
        <translation>Kacheln</translation>
    </message>
    <message>
        <source>%1 of %2 px at %3 µm/px</source>
        <translation>%1 von %2 px bei %3 µm/px</translation>
    </message>
    <message>
        <source>Tissue</source>
        <translation>Gewebe</translation>
    </message>
    <message>
        <source>%1 % of the slide</source>
        <translation>%1 % des Schnitts</translation>
    </message>
    <message>
        <source>Stain</source>
        <translation>Färbung</translation>
    </message>
    <message>
        <source>Out of distribution</source>
        <translation>Außerhalb der Verteilung</translation>
    </message>
    <message>
        <source>Tile score</source>
        <translation>Kachelwert</translation>
    </message>
</context>
<context>
    <name>gui::RetinaPanel</name>
    <message>
        <source>Quality of the photograph</source>
        <translation>Qualität des Fotos</translation>
    </message>
    <message>
        <source>Quality, each of 1</source>
        <translation>Qualität, je von 1</translation>
    </message>
    <message>
        <source>Evenness of light, sharpness and how much of the field is seen, each of 1</source>
        <translation>Gleichmäßigkeit des Lichts, Schärfe und sichtbarer Teil des Feldes, je von 1</translation>
    </message>
    <message>
        <source>What the quality gate says</source>
        <translation>Was die Qualitätsprüfung sagt</translation>
    </message>
    <message>
        <source>Grade all the same…</source>
        <translation>Trotzdem beurteilen…</translation>
    </message>
    <message>
        <source>Grade all the same</source>
        <translation>Trotzdem beurteilen</translation>
    </message>
    <message>
        <source>Grade this photograph although the gate finds it ungradable; the result says so</source>
        <translation>Dieses Foto beurteilen, obwohl die Prüfung es für nicht beurteilbar hält; das Ergebnis sagt es</translation>
    </message>
    <message>
        <source>Referable</source>
        <translation>Überweisungsbedürftig</translation>
    </message>
    <message>
        <source>Referable score</source>
        <translation>Wert für die Überweisung</translation>
    </message>
    <message>
        <source>Probability of moderate retinopathy or worse; the mark is the threshold</source>
        <translation>Wahrscheinlichkeit einer mäßigen oder schwereren Retinopathie; der Strich ist die Schwelle</translation>
    </message>
    <message>
        <source>Risk of macular oedema</source>
        <translation>Risiko eines Makulaödems</translation>
    </message>
    <message>
        <source>By hard exudates near the macula, on IDRiD&apos;s scale</source>
        <translation>Nach harten Exsudaten nahe der Makula, auf der Skala von IDRiD</translation>
    </message>
    <message>
        <source>Referable from</source>
        <translation>Überweisen ab</translation>
    </message>
    <message>
        <source>Score from which the next grading calls a photograph referable; 0: as the package says</source>
        <translation>Wert, ab dem die nächste Beurteilung ein Foto überweisungsbedürftig nennt; 0: wie das Paket sagt</translation>
    </message>
    <message>
        <source>as the package says</source>
        <translation>wie das Paket sagt</translation>
    </message>
    <message>
        <source>Evidence map</source>
        <translation>Evidenzkarte</translation>
    </message>
    <message>
        <source>How the next grading shows where the model looked; occlusion takes many times as long</source>
        <translation>Wie die nächste Beurteilung zeigt, wohin das Modell sah; Abdeckung dauert um ein Vielfaches länger</translation>
    </message>
    <message>
        <source>class activation</source>
        <translation>Klassenaktivierung</translation>
    </message>
    <message>
        <source>occlusion</source>
        <translation>Abdeckung</translation>
    </message>
    <message>
        <source>Grade ungradable photographs too</source>
        <translation>Auch nicht beurteilbare beurteilen</translation>
    </message>
    <message>
        <source>The quality gate only warns; every result that it would have refused says so</source>
        <translation>Die Qualitätsprüfung warnt nur; jedes Ergebnis, das sie verweigert hätte, sagt es</translation>
    </message>
    <message>
        <source>Both eyes</source>
        <translation>Beide Augen</translation>
    </message>
    <message>
        <source>Evidence</source>
        <translation>Evidenz</translation>
    </message>
    <message>
        <source>Retina</source>
        <translation>Netzhaut</translation>
    </message>
    <message>
        <source>The next grading</source>
        <translation>Die nächste Beurteilung</translation>
    </message>
    <message>
        <source>Show right and left eye side by side, linked: %1</source>
        <translation>Rechtes und linkes Auge verknüpft nebeneinander zeigen: %1</translation>
    </message>
    <message>
        <source>No photograph of the other eye is known: give both files the same patient and an eye each in the worklist, or names such as 7_left and 7_right</source>
        <translation>Kein Foto des anderen Auges ist bekannt: beiden Dateien in der Arbeitsliste denselben Patienten und je ein Auge geben, oder Namen wie 7_left und 7_right</translation>
    </message>
    <message>
        <source>Quality: %1</source>
        <translation>Qualität: %1</translation>
    </message>
    <message>
        <source>light</source>
        <translation>Licht</translation>
    </message>
    <message>
        <source>sharpness</source>
        <translation>Schärfe</translation>
    </message>
    <message>
        <source>field</source>
        <translation>Feld</translation>
    </message>
    <message>
        <source>graded all the same, as asked for</source>
        <translation>trotzdem beurteilt, wie verlangt</translation>
    </message>
    <message>
        <source>Referable: not decided</source>
        <translation>Überweisen: nicht entschieden</translation>
    </message>
    <message>
        <source>Referable: yes</source>
        <translation>Überweisen: ja</translation>
    </message>
    <message>
        <source>Referable: no</source>
        <translation>Überweisen: nein</translation>
    </message>
    <message>
        <source>moderate or worse (from %1 %)</source>
        <translation>mäßig oder schwerer (ab %1 %)</translation>
    </message>
    <message>
        <source>severe or proliferative</source>
        <translation>schwer oder proliferativ</translation>
    </message>
    <message>
        <source>confidence in the grade</source>
        <translation>Sicherheit des Grades</translation>
    </message>
    <message>
        <source>Macular oedema: %1</source>
        <translation>Makulaödem: %1</translation>
    </message>
</context>
<context>
    <name>gui::RocView</name>
    <message>
        <source>True positives against false positives as the threshold falls, for the files with a label</source>
        <translation>Richtig Positive gegen falsch Positive bei fallender Schwelle, für Dateien mit bekannter Klasse</translation>
    </message>
    <message>
        <source>ROC curve</source>
        <translation>ROC-Kurve</translation>
    </message>
    <message>
        <source>Area under the curve %1</source>
        <translation>Fläche unter der Kurve %1</translation>
    </message>
    <message>
        <source>Not known</source>
        <translation>Nicht bekannt</translation>
    </message>
    <message>
        <source>ROC</source>
        <translation>ROC</translation>
    </message>
    <message>
        <source>Needs files with a label, of the class and of another</source>
        <translation>Braucht Dateien mit bekannter Klasse, dieser und einer anderen</translation>
    </message>
    <message>
        <source>false positives</source>
        <translation>falsch Positive</translation>
    </message>
    <message>
        <source>true positives</source>
        <translation>richtig Positive</translation>
    </message>
    <message>
        <source>ROC, area %1</source>
        <translation>ROC, Fläche %1</translation>
    </message>
</context>
<context>
    <name>gui::ScaleDialog</name>
    <message>
        <source>Scale of %1</source>
        <translation>Maßstab von %1</translation>
    </message>
    <message>
        <source>Micrometres per pixel</source>
        <translation>Mikrometer je Pixel</translation>
    </message>
    <message>
        <source>Width of one pixel of the full-size image, in micrometres</source>
        <translation>Breite eines Pixels des Bildes in voller Größe, in Mikrometern</translation>
    </message>
    <message>
        <source> µm/px</source>
        <translation> µm/px</translation>
    </message>
    <message>
        <source>This image does not say how large its pixels are, and Tessera does not guess. Lengths and models need the scale; looking does not. It is remembered for this file.</source>
        <translation>Dieses Bild sagt nicht, wie groß seine Pixel sind, und Tessera rät nicht. Längen und Modelle brauchen den Maßstab, das Betrachten nicht. Er wird für diese Datei gemerkt.</translation>
    </message>
    <message>
        <source>Use this scale</source>
        <translation>Diesen Maßstab verwenden</translation>
    </message>
    <message>
        <source>Work in pixels</source>
        <translation>In Pixeln arbeiten</translation>
    </message>
    <message>
        <source>Not now</source>
        <translation>Jetzt nicht</translation>
    </message>
    <message>
        <source>Tiles are cut by pixels; recorded in the result</source>
        <translation>Kacheln werden nach Pixeln geschnitten; wird im Ergebnis vermerkt</translation>
    </message>
    <message>
        <source>Scale</source>
        <translation>Maßstab</translation>
    </message>
</context>
<context>
    <name>gui::ScriptedRun</name>
    <message>
        <source>No model %1.</source>
        <translation>Kein Modell %1.</translation>
    </message>
</context>
<context>
    <name>gui::ShareBars</name>
    <message>
        <source>%1 %</source>
        <translation>%1 %</translation>
    </message>
    <message>
        <source>%1: %2</source>
        <translation>%1: %2</translation>
    </message>
</context>
<context>
    <name>gui::SlideView</name>
    <message>
        <source>Slide</source>
        <translation>Schnitt</translation>
    </message>
    <message>
        <source>The scale of this image is not known, so it has no magnification; set its scale first.</source>
        <translation>Der Maßstab dieses Bildes ist nicht bekannt, also hat es keine Vergrößerung; zuerst den Maßstab angeben.</translation>
    </message>
    <message>
        <source>Research use only. Not for diagnosis.</source>
        <translation>Nur für die Forschung. Nicht zur Diagnose.</translation>
    </message>
    <message>
        <source>score %1</source>
        <translation>Wert %1</translation>
    </message>
    <message>
        <source>A part of %1 cannot be read; it is hatched and shown from coarser pixels. %2</source>
        <translation>Ein Teil von %1 ist nicht lesbar; er wird schraffiert aus gröberen Pixeln gezeigt. %2</translation>
    </message>
    <message>
        <source>%1 does not answer. The window goes on; what is missing is shown when it comes.</source>
        <translation>%1 antwortet nicht. Das Fenster arbeitet weiter; was fehlt, wird gezeigt, sobald es kommt.</translation>
    </message>
    <message>
        <source>%1: %2</source>
        <translation>%1: %2</translation>
    </message>
    <message>
        <source>Drop slides or photographs of the retina here, or open them with Ctrl+O</source>
        <translation>Schnitte oder Netzhautfotos hier ablegen, oder mit Ctrl+O öffnen</translation>
    </message>
    <message>
        <source>Aperio, Hamamatsu, Leica, MIRAX, Philips, Trestle, Ventana and generic tiled TIFF slides; TIFF, PNG, JPEG and DICOM images

Then choose a model on the right and press Analyse. Many files become a project: Ctrl+Shift+O.</source>
        <translation>Schnitte von Aperio, Hamamatsu, Leica, MIRAX, Philips, Trestle, Ventana und gekachelte TIFF; Bilder als TIFF, PNG, JPEG und DICOM

Dann rechts ein Modell wählen und auf Auswerten drücken. Viele Dateien werden ein Projekt: Ctrl+Shift+O.</translation>
    </message>
</context>
<context>
    <name>gui::TissuePanel</name>
    <message>
        <source>Resolution</source>
        <translation>Auflösung</translation>
    </message>
    <message>
        <source>Find the threshold</source>
        <translation>Schwelle suchen</translation>
    </message>
    <message>
        <source>Least saturation</source>
        <translation>Kleinste Sättigung</translation>
    </message>
    <message>
        <source>Smoothing</source>
        <translation>Glättung</translation>
    </message>
    <message>
        <source>Close gaps</source>
        <translation>Lücken schließen</translation>
    </message>
    <message>
        <source>Smallest piece</source>
        <translation>Kleinstes Stück</translation>
    </message>
    <message>
        <source>Smallest hole</source>
        <translation>Kleinstes Loch</translation>
    </message>
    <message>
        <source>Holes per piece</source>
        <translation>Löcher je Stück</translation>
    </message>
    <message>
        <source>Leave out pen marks</source>
        <translation>Stiftstriche auslassen</translation>
    </message>
    <message>
        <source>Least density of ink</source>
        <translation>Kleinste Dichte der Tinte</translation>
    </message>
    <message>
        <source>Leave out folds</source>
        <translation>Falten auslassen</translation>
    </message>
    <message>
        <source>Least density of a fold</source>
        <translation>Kleinste Dichte einer Falte</translation>
    </message>
    <message>
        <source>Leave out blur</source>
        <translation>Unschärfe auslassen</translation>
    </message>
    <message>
        <source>Least blur</source>
        <translation>Kleinste Unschärfe</translation>
    </message>
    <message>
        <source>Show outlines</source>
        <translation>Umrisse zeigen</translation>
    </message>
    <message>
        <source>Reset</source>
        <translation>Zurücksetzen</translation>
    </message>
    <message>
        <source>Show the tissue&apos;s outlines</source>
        <translation>Die Umrisse des Gewebes zeigen</translation>
    </message>
    <message>
        <source>Outline what the analysis will take for tissue</source>
        <translation>Umranden, was die Auswertung für Gewebe hält</translation>
    </message>
    <message>
        <source>Options</source>
        <translation>Optionen</translation>
    </message>
    <message>
        <source>Tissue options</source>
        <translation>Gewebeoptionen</translation>
    </message>
    <message>
        <source>What counts as tissue, and what is left out of it</source>
        <translation>Was als Gewebe zählt und was davon ausgelassen wird</translation>
    </message>
    <message>
        <source>Reset the tissue options</source>
        <translation>Gewebeoptionen zurücksetzen</translation>
    </message>
    <message>
        <source>Back to the usual tissue options</source>
        <translation>Zurück zu den üblichen Gewebeoptionen</translation>
    </message>
    <message>
        <source>Tissue</source>
        <translation>Gewebe</translation>
    </message>
</context>
<context>
    <name>gui::WorkArea</name>
    <message>
        <source>Worklist</source>
        <translation>Arbeitsliste</translation>
    </message>
    <message>
        <source>Jobs</source>
        <translation>Aufträge</translation>
    </message>
    <message>
        <source>Cohort</source>
        <translation>Kohorte</translation>
    </message>
    <message>
        <source>&amp;Open project…</source>
        <translation>Projekt ö&amp;ffnen …</translation>
    </message>
    <message>
        <source>Open a project&apos;s folder, or begin a project in a folder</source>
        <translation>Den Ordner eines Projekts öffnen oder in einem Ordner ein Projekt beginnen</translation>
    </message>
    <message>
        <source>Ctrl+Shift+O</source>
        <translation>Ctrl+Shift+O</translation>
    </message>
    <message>
        <source>Add &amp;files…</source>
        <translation>&amp;Dateien hinzufügen …</translation>
    </message>
    <message>
        <source>Add slides and images to the project</source>
        <translation>Schnitte und Bilder zum Projekt hinzufügen</translation>
    </message>
    <message>
        <source>Ctrl+Shift+A</source>
        <translation>Ctrl+Shift+A</translation>
    </message>
    <message>
        <source>Add fol&amp;der…</source>
        <translation>&amp;Ordner hinzufügen …</translation>
    </message>
    <message>
        <source>Add all slides and images of a folder to the project</source>
        <translation>Alle Schnitte und Bilder eines Ordners zum Projekt hinzufügen</translation>
    </message>
    <message>
        <source>Facts from a &amp;table…</source>
        <translation>Angaben aus einer &amp;Tabelle …</translation>
    </message>
    <message>
        <source>Patient, eye, scale, label and site of the files from a CSV table</source>
        <translation>Patient, Auge, Maßstab, wahre Klasse und Ort der Dateien aus einer CSV-Tabelle</translation>
    </message>
    <message>
        <source>&amp;Analyse project…</source>
        <translation>Projekt &amp;auswerten …</translation>
    </message>
    <message>
        <source>Analyse all files of the project</source>
        <translation>Alle Dateien des Projekts auswerten</translation>
    </message>
    <message>
        <source>Ctrl+Shift+Return</source>
        <translation>Ctrl+Shift+Return</translation>
    </message>
    <message>
        <source>&amp;Report and sign-off…</source>
        <translation>&amp;Bericht und Abzeichnung …</translation>
    </message>
    <message>
        <source>Look at the report, sign it off, save it</source>
        <translation>Den Bericht ansehen, abzeichnen, speichern</translation>
    </message>
    <message>
        <source>Ctrl+P</source>
        <translation>Ctrl+P</translation>
    </message>
    <message>
        <source>Installed models: cards, install, verify, remove</source>
        <translation>Installierte Modelle: Karten, installieren, prüfen, entfernen</translation>
    </message>
    <message>
        <source>Ctrl+M</source>
        <translation>Ctrl+M</translation>
    </message>
    <message>
        <source>&amp;Preferences…</source>
        <translation>&amp;Einstellungen …</translation>
    </message>
    <message>
        <source>Theme, language, memory, threads, device</source>
        <translation>Aussehen, Sprache, Speicher, Threads, Gerät</translation>
    </message>
    <message>
        <source>&amp;Label and macro images…</source>
        <translation>&amp;Etikett- und Übersichtsbilder …</translation>
    </message>
    <message>
        <source>Shows what is hidden because it may name the patient</source>
        <translation>Zeigt, was verborgen ist, weil es den Patienten nennen kann</translation>
    </message>
    <message>
        <source>&amp;Copy as command line</source>
        <translation>Als Befehlszeile &amp;kopieren</translation>
    </message>
    <message>
        <source>Copy the tessera command that analyses the open slide as the window does</source>
        <translation>Den tessera-Befehl kopieren, der den offenen Schnitt auswertet wie das Fenster</translation>
    </message>
    <message>
        <source>&amp;Undo</source>
        <translation>&amp;Rückgängig</translation>
    </message>
    <message>
        <source>&amp;Redo</source>
        <translation>&amp;Wiederherstellen</translation>
    </message>
    <message>
        <source>&amp;Project</source>
        <translation>&amp;Projekt</translation>
    </message>
    <message>
        <source>Recent pro&amp;jects</source>
        <translation>&amp;Letzte Projekte</translation>
    </message>
    <message>
        <source>The command is in the clipboard: %1</source>
        <translation>Der Befehl liegt in der Zwischenablage: %1</translation>
    </message>
    <message>
        <source>Folder of the project (an empty one begins a project)</source>
        <translation>Ordner des Projekts (ein leerer beginnt ein Projekt)</translation>
    </message>
    <message>
        <source>Add a folder</source>
        <translation>Ordner hinzufügen</translation>
    </message>
    <message>
        <source>Add slides and images</source>
        <translation>Schnitte und Bilder hinzufügen</translation>
    </message>
    <message>
        <source>Slides and images (%1)</source>
        <translation>Schnitte und Bilder (%1)</translation>
    </message>
    <message>
        <source>All files (*)</source>
        <translation>Alle Dateien (*)</translation>
    </message>
    <message>
        <source>Table with a column “file”</source>
        <translation>Tabelle mit einer Spalte „file“</translation>
    </message>
    <message>
        <source>CSV (*.csv)</source>
        <translation>CSV (*.csv)</translation>
    </message>
    <message>
        <source>Folders go into a project: open one first (Ctrl+Shift+O).</source>
        <translation>Ordner gehören in ein Projekt: öffnen Sie zuerst eines (Strg+Umschalt+O).</translation>
    </message>
    <message>
        <source>Adapt</source>
        <translation>Anpassen</translation>
    </message>
    <message>
        <source>Find &amp;missing files…</source>
        <translation>&amp;Fehlende Dateien suchen…</translation>
    </message>
    <message>
        <source>Look in a folder for the files that are no longer at their places</source>
        <translation>In einem Ordner nach den Dateien suchen, die nicht mehr an ihrem Ort sind</translation>
    </message>
    <message>
        <source>Report of the &amp;segmentation…</source>
        <translation>Bericht der &amp;Segmentierung…</translation>
    </message>
    <message>
        <source>Look at the report of the masks, sign it off, save it</source>
        <translation>Den Bericht der Masken ansehen, abzeichnen, speichern</translation>
    </message>
    <message>
        <source>Ctrl+Shift+P</source>
        <translation>Ctrl+Shift+P</translation>
    </message>
    <message>
        <source>A&amp;dapt a segmenter…</source>
        <translation>Se&amp;gmentierer anpassen…</translation>
    </message>
    <message>
        <source>Fit a segmenter to the pictures of another camera, without labels</source>
        <translation>Einen Segmentierer ohne Beschriftungen an die Bilder einer anderen Kamera anpassen</translation>
    </message>
    <message>
        <source>Ctrl+4</source>
        <translation>Ctrl+4</translation>
    </message>
    <message>
        <source>M&amp;odels…</source>
        <translation>M&amp;odelle…</translation>
    </message>
    <message>
        <source>Ctrl+,</source>
        <translation>Ctrl+,</translation>
    </message>
    <message>
        <source>Ctrl+Alt+C</source>
        <translation>Ctrl+Alt+C</translation>
    </message>
    <message>
        <source>Take the last change of the worklist back</source>
        <translation>Die letzte Änderung der Arbeitsliste zurücknehmen</translation>
    </message>
    <message>
        <source>Make the last change of the worklist again</source>
        <translation>Die letzte Änderung der Arbeitsliste erneut machen</translation>
    </message>
    <message>
        <source>Show or hide this part of the window</source>
        <translation>Diesen Teil des Fensters zeigen oder verbergen</translation>
    </message>
    <message>
        <source>source</source>
        <translation>Quelle</translation>
    </message>
    <message>
        <source>rolled back</source>
        <translation>zurückgenommen</translation>
    </message>
    <message>
        <source>adapted</source>
        <translation>angepasst</translation>
    </message>
    <message>
        <source>Ctrl+Z</source>
        <translation>Ctrl+Z</translation>
    </message>
    <message>
        <source>Ctrl+Shift+Z</source>
        <translation>Ctrl+Shift+Z</translation>
    </message>
    <message>
        <source>Ctrl+Y</source>
        <translation>Ctrl+Y</translation>
    </message>
</context>
<context>
    <name>gui::WorklistPanel</name>
    <message>
        <source>Drag slides, images or whole folders here.</source>
        <translation>Ziehen Sie Schnitte, Bilder oder ganze Ordner hierher.</translation>
    </message>
    <message>
        <source>Project…</source>
        <translation>Projekt …</translation>
    </message>
    <message>
        <source>Open a project&apos;s folder, or begin a project in a folder (Ctrl+Shift+O)</source>
        <translation>Den Ordner eines Projekts öffnen oder in einem Ordner ein Projekt beginnen (Strg+Umschalt+O)</translation>
    </message>
    <message>
        <source>Add files…</source>
        <translation>Hinzufügen …</translation>
    </message>
    <message>
        <source>Add slides and images to the project; folders can be dragged in</source>
        <translation>Schnitte und Bilder zum Projekt hinzufügen; Ordner lassen sich hineinziehen</translation>
    </message>
    <message>
        <source>Worklist</source>
        <translation>Arbeitsliste</translation>
    </message>
    <message>
        <source>Files</source>
        <translation>Dateien</translation>
    </message>
    <message>
        <source>Every file of the project</source>
        <translation>Jede Datei des Projekts</translation>
    </message>
    <message>
        <source>Patients with their slides and eyes</source>
        <translation>Patienten mit ihren Schnitten und Augen</translation>
    </message>
    <message>
        <source>Slides and fundus photographs of each patient; double-click opens them</source>
        <translation>Schnitte und Fundusfotos jedes Patienten; Doppelklick öffnet sie</translation>
    </message>
    <message>
        <source>Patients</source>
        <translation>Patienten</translation>
    </message>
    <message>
        <source>Slides and fundus photographs of each patient side by side</source>
        <translation>Schnitte und Fundusfotos jedes Patienten nebeneinander</translation>
    </message>
    <message>
        <source>Search the worklist</source>
        <translation>Die Arbeitsliste durchsuchen</translation>
    </message>
    <message>
        <source>Show only files whose name, patient, tags, label, notes or model hold this text</source>
        <translation>Nur Dateien zeigen, deren Name, Patient, Stichwörter, wahre Klasse, Notizen oder Modell diesen Text enthalten</translation>
    </message>
    <message>
        <source>Search</source>
        <translation>Suchen</translation>
    </message>
    <message>
        <source>Show only this status</source>
        <translation>Nur diesen Status zeigen</translation>
    </message>
    <message>
        <source>Show only files of this status</source>
        <translation>Nur Dateien mit diesem Status zeigen</translation>
    </message>
    <message>
        <source>any status</source>
        <translation>jeder Status</translation>
    </message>
    <message>
        <source>Show only this kind</source>
        <translation>Nur diese Art zeigen</translation>
    </message>
    <message>
        <source>Show only slides, or only fundus photographs</source>
        <translation>Nur Schnitte oder nur Fundusfotos zeigen</translation>
    </message>
    <message>
        <source>any kind</source>
        <translation>jede Art</translation>
    </message>
    <message>
        <source>slides</source>
        <translation>Schnitte</translation>
    </message>
    <message>
        <source>fundus</source>
        <translation>Fundus</translation>
    </message>
    <message>
        <source>Files of the project</source>
        <translation>Dateien des Projekts</translation>
    </message>
    <message>
        <source>Double-click or Return opens a file; the right button offers more</source>
        <translation>Doppelklick oder Eingabe öffnet eine Datei; die rechte Taste bietet mehr</translation>
    </message>
    <message>
        <source>Patient</source>
        <translation>Patient</translation>
    </message>
    <message>
        <source>Pseudonym of the patient; files of one patient are grouped</source>
        <translation>Pseudonym des Patienten; Dateien eines Patienten stehen zusammen</translation>
    </message>
    <message>
        <source>Label</source>
        <translation>Wahre Klasse</translation>
    </message>
    <message>
        <source>The true class, where it is known; the cohort&apos;s curves use it</source>
        <translation>Die wahre Klasse, wo sie bekannt ist; die Kurven der Kohorte brauchen sie</translation>
    </message>
    <message>
        <source>Tags</source>
        <translation>Stichwörter</translation>
    </message>
    <message>
        <source>Words of your own, separated by commas</source>
        <translation>Eigene Wörter, durch Kommas getrennt</translation>
    </message>
    <message>
        <source>Eye</source>
        <translation>Auge</translation>
    </message>
    <message>
        <source>Which eye a fundus photograph shows</source>
        <translation>Welches Auge ein Fundusfoto zeigt</translation>
    </message>
    <message>
        <source>not set</source>
        <translation>ohne Angabe</translation>
    </message>
    <message>
        <source>right</source>
        <translation>rechts</translation>
    </message>
    <message>
        <source>left</source>
        <translation>links</translation>
    </message>
    <message>
        <source>Status</source>
        <translation>Status</translation>
    </message>
    <message>
        <source>How far you are with the chosen files</source>
        <translation>Wie weit Sie mit den gewählten Dateien sind</translation>
    </message>
    <message>
        <source>Notes</source>
        <translation>Notizen</translation>
    </message>
    <message>
        <source>Notes on the chosen file; kept while you type</source>
        <translation>Notizen zur gewählten Datei; werden beim Tippen gesichert</translation>
    </message>
    <message>
        <source>Analyse…</source>
        <translation>Auswerten …</translation>
    </message>
    <message>
        <source>Status, eye</source>
        <translation>Status, Auge</translation>
    </message>
    <message>
        <source>No project</source>
        <translation>Kein Projekt</translation>
    </message>
    <message>
        <source>%1 of %2 files</source>
        <translation>%1 von %2 Dateien</translation>
    </message>
    <message numerus="yes">
        <source>%n files</source>
        <translation>
            <numerusform>%n Datei</numerusform>
            <numerusform>%n Dateien</numerusform>
        </translation>
    </message>
    <message>
        <source>Analyse all…</source>
        <translation>Alle auswerten …</translation>
    </message>
    <message numerus="yes">
        <source>Analyse %n files…</source>
        <translation>
            <numerusform>%n Datei auswerten …</numerusform>
            <numerusform>%n Dateien auswerten …</numerusform>
        </translation>
    </message>
    <message>
        <source>Choose a model for these files; the jobs run one after another</source>
        <translation>Ein Modell für diese Dateien wählen; die Aufträge laufen nacheinander</translation>
    </message>
    <message>
        <source>Open</source>
        <translation>Öffnen</translation>
    </message>
    <message>
        <source>Take off the list</source>
        <translation>Von der Liste nehmen</translation>
    </message>
    <message>
        <source>The files stay where they are; can be undone</source>
        <translation>Die Dateien bleiben, wo sie sind; lässt sich rückgängig machen</translation>
    </message>
    <message>
        <source>They are not at their places; say in which folder they lie now. What was said of them stays with them.</source>
        <translation>Sie sind nicht an ihrem Ort; sagen Sie, in welchem Ordner sie jetzt liegen. Was über sie gesagt wurde, bleibt bei ihnen.</translation>
    </message>
    <message numerus="yes">
        <source>Find %n missing files…</source>
        <translation>
            <numerusform>%n fehlende Datei suchen…</numerusform>
            <numerusform>%n fehlende Dateien suchen…</numerusform>
        </translation>
    </message>
    <message>
        <source>Folder in which the missing files lie now</source>
        <translation>Ordner, in dem die fehlenden Dateien jetzt liegen</translation>
    </message>
    <message>
        <source>Where this file lies now</source>
        <translation>Wo diese Datei jetzt liegt</translation>
    </message>
    <message>
        <source>Show the chosen files</source>
        <translation>Die gewählten Dateien zeigen</translation>
    </message>
    <message>
        <source>Choose a model for the chosen files</source>
        <translation>Ein Modell für die gewählten Dateien wählen</translation>
    </message>
    <message>
        <source>Set this status</source>
        <translation>Diesen Status setzen</translation>
    </message>
    <message>
        <source>Find the file again…</source>
        <translation>Die Datei wiederfinden…</translation>
    </message>
    <message>
        <source>Say where this file lies now</source>
        <translation>Sagen, wo diese Datei jetzt liegt</translation>
    </message>
</context>
<context>
    <name>viewmodels::Adaptation</name>
    <message>
        <source>Mean entropy</source>
        <translation>Mittlere Entropie</translation>
    </message>
    <message>
        <source>Agreement with mirrored pictures</source>
        <translation>Übereinstimmung mit gespiegelten Bildern</translation>
    </message>
    <message>
        <source>Agreement with the source</source>
        <translation>Übereinstimmung mit der Quelle</translation>
    </message>
    <message>
        <source>Share of %1</source>
        <translation>Anteil von %1</translation>
    </message>
    <message>
        <source>none: the source as it is, watched</source>
        <translation>none: die Quelle, wie sie ist, überwacht</translation>
    </message>
    <message>
        <source>bn: the folder&apos;s statistics</source>
        <translation>bn: Statistik des Ordners</translation>
    </message>
    <message>
        <source>ubna: running statistics that freeze</source>
        <translation>ubna: laufende Statistik, die einfriert</translation>
    </message>
    <message>
        <source>alpha-bn: both statistics mixed</source>
        <translation>alpha-bn: beide Statistiken gemischt</translation>
    </message>
    <message>
        <source>core: alpha-bn, class correlation</source>
        <translation>core: alpha-bn, Klassenkorrelation</translation>
    </message>
    <message>
        <source>unmix-tns: follows each picture</source>
        <translation>unmix-tns: folgt jedem Bild</translation>
    </message>
    <message>
        <source>osuda: statistics, entropy, held near the source</source>
        <translation>osuda: Statistik, Entropie, nah an der Quelle</translation>
    </message>
    <message>
        <source>Looking for models…</source>
        <translation>Modelle werden gesucht…</translation>
    </message>
    <message>
        <source>No segmenter is installed.</source>
        <translation>Kein Segmentierer ist installiert.</translation>
    </message>
    <message>
        <source>Choose the folder of pictures first.</source>
        <translation>Zuerst den Bilderordner wählen.</translation>
    </message>
    <message>
        <source>Choose the table that names each file&apos;s site first.</source>
        <translation>Zuerst die Tabelle wählen, die den Standort jeder Datei nennt.</translation>
    </message>
    <message>
        <source>Adapt %1 to %2 (%3)</source>
        <translation>%1 an %2 anpassen (%3)</translation>
    </message>
    <message>
        <source>The adaptation&apos;s figures cannot be read: %1</source>
        <translation>Die Zahlen der Anpassung sind nicht lesbar: %1</translation>
    </message>
    <message>
        <source>The adaptation was rolled back: the package holds the source&apos;s weights.</source>
        <translation>Die Anpassung wurde zurückgenommen: das Paket hat die Gewichte der Quelle.</translation>
    </message>
    <message>
        <source>%1 of %2 sites were rolled back to the source.</source>
        <translation>%1 von %2 Standorten wurden auf die Quelle zurückgenommen.</translation>
    </message>
    <message>
        <source>Rolled back to the source: %1. The package holds the source&apos;s weights.</source>
        <translation>Auf die Quelle zurückgenommen: %1. Das Paket hat die Gewichte der Quelle.</translation>
    </message>
    <message>
        <source>Monitors tripped, and it was kept as asked for: %1.</source>
        <translation>Wächter schlugen an, und es blieb wie verlangt dabei: %1.</translation>
    </message>
    <message>
        <source>No monitor tripped. Without labels nobody can say that it is better: compare the pictures.</source>
        <translation>Kein Wächter schlug an. Ohne Beschriftungen kann niemand sagen, dass es besser ist: vergleichen Sie die Bilder.</translation>
    </message>
    <message>
        <source>The source behaves here as it never did on its own pictures; its answers are no measure.</source>
        <translation>Die Quelle verhält sich hier wie nie auf ihren eigenen Bildern; ihre Antworten sind kein Maß.</translation>
    </message>
    <message>
        <source>Left out: %1.</source>
        <translation>Ausgelassen: %1.</translation>
    </message>
    <message>
        <source>Adapt a segmenter first.</source>
        <translation>Zuerst einen Segmentierer anpassen.</translation>
    </message>
    <message>
        <source>Open one of the pictures first.</source>
        <translation>Zuerst eines der Bilder öffnen.</translation>
    </message>
    <message>
        <source>Masks of %1 by the source</source>
        <translation>Masken von %1 durch die Quelle</translation>
    </message>
    <message>
        <source>Masks of %1 by the adapted package</source>
        <translation>Masken von %1 durch das angepasste Paket</translation>
    </message>
    <message>
        <source>%1, adapted to %2 (%3)</source>
        <translation>%1, angepasst an %2 (%3)</translation>
    </message>
    <message>
        <source>Analyses are made with the adapted package now: %1.</source>
        <translation>Ausgewertet wird jetzt mit dem angepassten Paket: %1.</translation>
    </message>
    <message>
        <source>Analyses are made with the parent package again: %1.</source>
        <translation>Ausgewertet wird wieder mit dem Ausgangspaket: %1.</translation>
    </message>
    <message>
        <source>The adaptation was removed; the next one begins at the source.</source>
        <translation>Die Anpassung wurde entfernt; die nächste geht von der Quelle aus.</translation>
    </message>
</context>
<context>
    <name>viewmodels::AdaptationFigures</name>
    <message>
        <source>Monitor</source>
        <translation>Wächter</translation>
    </message>
    <message>
        <source>Source</source>
        <translation>Quelle</translation>
    </message>
    <message>
        <source>Adapted</source>
        <translation>Angepasst</translation>
    </message>
    <message>
        <source>%1 %</source>
        <translation>%1 %</translation>
    </message>
</context>
<context>
    <name>viewmodels::Analysis</name>
    <message>
        <source>Cancelling…</source>
        <translation>Wird abgebrochen …</translation>
    </message>
    <message>
        <source>Starting…</source>
        <translation>Beginnt …</translation>
    </message>
    <message>
        <source>%1 %2 of %3</source>
        <translation>%1 %2 von %3</translation>
    </message>
    <message>
        <source>file %1 of %2 · %3</source>
        <translation>Datei %1 von %2 · %3</translation>
    </message>
    <message>
        <source> · %1/s · %2 left</source>
        <translation> · %1/s · noch %2</translation>
    </message>
</context>
<context>
    <name>viewmodels::AnnotationDocument</name>
    <message>
        <source>point</source>
        <translation>Punkt</translation>
    </message>
    <message>
        <source>ruler</source>
        <translation>Lineal</translation>
    </message>
    <message>
        <source>ellipse</source>
        <translation>Ellipse</translation>
    </message>
    <message>
        <source>rectangle</source>
        <translation>Rechteck</translation>
    </message>
    <message>
        <source>outline</source>
        <translation>Umriss</translation>
    </message>
    <message>
        <source>The annotations in %1 belong to another slide of this name and are left alone.</source>
        <translation>Die Anmerkungen in %1 gehören zu einem anderen Schnitt dieses Namens und bleiben unberührt.</translation>
    </message>
    <message>
        <source>%1 Annotations of this window go to %2.</source>
        <translation>%1 Die Anmerkungen dieses Fensters gehen nach %2.</translation>
    </message>
    <message>
        <source>add %1</source>
        <translation>%1 hinzufügen</translation>
    </message>
    <message>
        <source>change %1</source>
        <translation>%1 ändern</translation>
    </message>
    <message>
        <source>delete %1</source>
        <translation>%1 löschen</translation>
    </message>
    <message>
        <source>delete %1 annotations</source>
        <translation>%1 Anmerkungen löschen</translation>
    </message>
    <message>
        <source>The file holds no annotations.</source>
        <translation>Die Datei enthält keine Anmerkungen.</translation>
    </message>
    <message>
        <source>import %1 annotations</source>
        <translation>%1 Anmerkungen einlesen</translation>
    </message>
    <message>
        <source>%1 annotations were added.</source>
        <translation>%1 Anmerkungen wurden hinzugefügt.</translation>
    </message>
    <message>
        <source>%1 annotations were saved as %2.</source>
        <translation>%1 Anmerkungen wurden als %2 gesichert.</translation>
    </message>
    <message>
        <source>Another program changed %1; the annotations of this window go to %2.</source>
        <translation>Ein anderes Programm hat %1 geändert; die Anmerkungen dieses Fensters gehen nach %2.</translation>
    </message>
    <message>
        <source>The results folder cannot be written to; the annotations are kept in %1.</source>
        <translation>In den Ergebnisordner kann nicht geschrieben werden; die Anmerkungen liegen in %1.</translation>
    </message>
    <message>
        <source>%1 px</source>
        <translation>%1 px</translation>
    </message>
    <message>
        <source>%1 mm</source>
        <translation>%1 mm</translation>
    </message>
    <message>
        <source>%1 µm</source>
        <translation>%1 µm</translation>
    </message>
    <message>
        <source>%1 points</source>
        <translation>%1 Punkte</translation>
    </message>
    <message>
        <source>%1 px²</source>
        <translation>%1 px²</translation>
    </message>
    <message>
        <source>%1 mm²</source>
        <translation>%1 mm²</translation>
    </message>
    <message>
        <source>%1 µm²</source>
        <translation>%1 µm²</translation>
    </message>
    <message>
        <source>%1 · around %2</source>
        <translation>%1 · Umfang %2</translation>
    </message>
    <message>
        <source>The folder of %1 does not answer; the annotations are kept in %2.</source>
        <translation>Der Ordner von %1 antwortet nicht; die Anmerkungen liegen in %2.</translation>
    </message>
    <message>
        <source>The annotations are not saved yet, and are kept in the window: %1</source>
        <translation>Die Anmerkungen sind noch nicht gespeichert und bleiben im Fenster: %1</translation>
    </message>
    <message>
        <source>All annotations are saved after all.</source>
        <translation>Nun sind alle Anmerkungen doch gespeichert.</translation>
    </message>
</context>
<context>
    <name>viewmodels::Cohort</name>
    <message>
        <source>File</source>
        <translation>Datei</translation>
    </message>
    <message>
        <source>Patient</source>
        <translation>Patient</translation>
    </message>
    <message>
        <source>Analysis</source>
        <translation>Auswertung</translation>
    </message>
    <message>
        <source>Label</source>
        <translation>Wahre Klasse</translation>
    </message>
    <message>
        <source>Verdict</source>
        <translation>Befund</translation>
    </message>
    <message>
        <source>p(%1)</source>
        <translation>p(%1)</translation>
    </message>
    <message>
        <source>Tiles</source>
        <translation>Kacheln</translation>
    </message>
</context>
<context>
    <name>viewmodels::Display</name>
    <message>
        <source>Colour</source>
        <translation>Farbe</translation>
    </message>
    <message>
        <source>Haematoxylin</source>
        <translation>Hämatoxylin</translation>
    </message>
    <message>
        <source>Eosin</source>
        <translation>Eosin</translation>
    </message>
    <message>
        <source>Residual</source>
        <translation>Rest</translation>
    </message>
    <message>
        <source>Red-free (green)</source>
        <translation>Rotfrei (Grün)</translation>
    </message>
</context>
<context>
    <name>viewmodels::JobQueue</name>
    <message>
        <source>Job</source>
        <translation>Auftrag</translation>
    </message>
    <message>
        <source>State</source>
        <translation>Stand</translation>
    </message>
    <message>
        <source>Progress</source>
        <translation>Fortschritt</translation>
    </message>
    <message>
        <source>waiting</source>
        <translation>wartet</translation>
    </message>
    <message>
        <source>cancelling</source>
        <translation>wird abgebrochen</translation>
    </message>
    <message>
        <source>running</source>
        <translation>läuft</translation>
    </message>
    <message>
        <source>done</source>
        <translation>fertig</translation>
    </message>
    <message numerus="yes">
        <source>done, %n failed</source>
        <translation>
            <numerusform>fertig, %n gescheitert</numerusform>
            <numerusform>fertig, %n gescheitert</numerusform>
        </translation>
    </message>
    <message>
        <source>failed</source>
        <translation>gescheitert</translation>
    </message>
    <message>
        <source>cancelled</source>
        <translation>abgebrochen</translation>
    </message>
    <message>
        <source>%1 done, %2 failed · %3</source>
        <translation>%1 fertig, %2 gescheitert · %3</translation>
    </message>
    <message>
        <source>started: %1</source>
        <translation>begonnen: %1</translation>
    </message>
</context>
<context>
    <name>viewmodels::ModelShelf</name>
    <message>
        <source>%1
for %2%3</source>
        <translation>%1
für %2%3</translation>
    </message>
    <message>
        <source> · cannot be used</source>
        <translation> · nicht verwendbar</translation>
    </message>
    <message>
        <source>Cannot be used:</source>
        <translation>Nicht verwendbar:</translation>
    </message>
    <message>
        <source>For:</source>
        <translation>Für:</translation>
    </message>
    <message>
        <source>Intended use:</source>
        <translation>Zweck:</translation>
    </message>
    <message>
        <source>Limits:</source>
        <translation>Grenzen:</translation>
    </message>
    <message>
        <source>Classes:</source>
        <translation>Klassen:</translation>
    </message>
    <message>
        <source>Scale:</source>
        <translation>Maßstab:</translation>
    </message>
    <message>
        <source>%1 µm/px; slides up to %2 % coarser are taken</source>
        <translation>%1 µm/px; bis zu %2 % gröbere Schnitte werden angenommen</translation>
    </message>
    <message>
        <source>Stain:</source>
        <translation>Färbung:</translation>
    </message>
    <message>
        <source>normalised (%1)</source>
        <translation>normiert (%1)</translation>
    </message>
    <message>
        <source>Trained on:</source>
        <translation>Trainiert mit:</translation>
    </message>
    <message>
        <source>Its own numbers:</source>
        <translation>Eigene Kennzahlen:</translation>
    </message>
    <message>
        <source>Licence:</source>
        <translation>Lizenz:</translation>
    </message>
    <message>
        <source>Architecture:</source>
        <translation>Architektur:</translation>
    </message>
    <message>
        <source>The model was installed as %1.</source>
        <translation>Das Modell wurde als %1 installiert.</translation>
    </message>
    <message>
        <source>Every file of %1 has the sha256 that its manifest states.</source>
        <translation>Jede Datei von %1 hat die sha256, die ihr Manifest nennt.</translation>
    </message>
    <message>
        <source>The model %1 was removed.</source>
        <translation>Das Modell %1 wurde entfernt.</translation>
    </message>
</context>
<context>
    <name>viewmodels::PatientList</name>
    <message>
        <source>Patient</source>
        <translation>Patient</translation>
    </message>
    <message>
        <source>Slides</source>
        <translation>Schnitte</translation>
    </message>
    <message>
        <source>Right eye</source>
        <translation>Rechtes Auge</translation>
    </message>
    <message>
        <source>Left eye</source>
        <translation>Linkes Auge</translation>
    </message>
    <message>
        <source>Other</source>
        <translation>Andere</translation>
    </message>
    <message>
        <source>(no patient)</source>
        <translation>(ohne Patient)</translation>
    </message>
    <message numerus="yes">
        <source>%n files</source>
        <translation>
            <numerusform>%n Datei</numerusform>
            <numerusform>%n Dateien</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>viewmodels::Studio</name>
    <message>
        <source>Open a slide first.</source>
        <translation>Öffnen Sie zuerst einen Schnitt.</translation>
    </message>
    <message>
        <source>An analysis is running.</source>
        <translation>Eine Auswertung läuft.</translation>
    </message>
    <message>
        <source>No model for slides is installed.</source>
        <translation>Kein Modell für Schnitte ist installiert.</translation>
    </message>
    <message>
        <source>Looking for models…</source>
        <translation>Modelle werden gesucht …</translation>
    </message>
    <message>
        <source>Set the scale of this image first.</source>
        <translation>Geben Sie zuerst den Maßstab dieses Bildes an.</translation>
    </message>
    <message>
        <source>The report was saved as %1.</source>
        <translation>Der Bericht wurde als %1 gespeichert.</translation>
    </message>
    <message>
        <source>The analysis was cancelled; what was unfinished was not kept.</source>
        <translation>Die Auswertung wurde abgebrochen; Unfertiges wurde nicht behalten.</translation>
    </message>
    <message>
        <source>Draw an area to analyse first, or analyse the whole slide.</source>
        <translation>Zuerst eine Fläche zum Analysieren zeichnen oder den ganzen Schnitt analysieren.</translation>
    </message>
    <message>
        <source>A mask of %1 classes and %2 labelled tiles were saved beside %3.</source>
        <translation>Eine Maske mit %1 Klassen und %2 Kacheln mit Klasse wurden neben %3 gesichert.</translation>
    </message>
    <message>
        <source>The region was saved as %1, %2 × %3 pixels.</source>
        <translation>Die Region wurde als %1 gesichert, %2 × %3 Pixel.</translation>
    </message>
    <message>
        <source>%1 is no longer at its place. What is on the screen stays, and annotations are kept; the rest is read when the file is back.</source>
        <translation>%1 ist nicht mehr an ihrem Ort. Was auf dem Bildschirm ist, bleibt, und Anmerkungen werden aufgehoben; der Rest wird gelesen, wenn die Datei zurück ist.</translation>
    </message>
    <message>
        <source>%1 was changed by another program since it was opened. Open it again (F5) to see it as it is now.</source>
        <translation>%1 wurde seit dem Öffnen von einem anderen Programm geändert. Erneut öffnen (F5) zeigt sie, wie sie jetzt ist.</translation>
    </message>
    <message>
        <source>%1 is back.</source>
        <translation>%1 ist wieder da.</translation>
    </message>
    <message>
        <source>A folder that an open file lies in does not answer. The window goes on, and what is on the screen stays.</source>
        <translation>Ein Ordner mit einer offenen Datei antwortet nicht. Das Fenster arbeitet weiter, und was auf dem Bildschirm ist, bleibt.</translation>
    </message>
    <message>
        <source>%1 does not answer yet. The window goes on; the file is shown when it does.</source>
        <translation>%1 antwortet noch nicht. Das Fenster arbeitet weiter; die Datei wird gezeigt, sobald sie antwortet.</translation>
    </message>
</context>
<context>
    <name>viewmodels::TissuePreview</name>
    <message>
        <source>Set the scale of this image first.</source>
        <translation>Geben Sie zuerst den Maßstab dieses Bildes an.</translation>
    </message>
    <message>
        <source>Reading the slide…</source>
        <translation>Der Schnitt wird gelesen …</translation>
    </message>
    <message>
        <source>%1 of the slide is tissue</source>
        <translation>%1 des Schnitts sind Gewebe</translation>
    </message>
    <message>
        <source>pen %1</source>
        <translation>Stift %1</translation>
    </message>
    <message>
        <source>folds %1</source>
        <translation>Falten %1</translation>
    </message>
    <message>
        <source>out of focus %1</source>
        <translation>unscharf %1</translation>
    </message>
    <message>
        <source>; left out: %1</source>
        <translation>; ausgelassen: %1</translation>
    </message>
</context>
<context>
    <name>viewmodels::TopTiles</name>
    <message>
        <source>Tile %1, score %2; click to go there</source>
        <translation>Kachel %1, Wert %2; Klick führt hin</translation>
    </message>
</context>
<context>
    <name>viewmodels::Workbench</name>
    <message>
        <source>%1 Your changes are kept in the window and saved as soon as it works again.</source>
        <translation>%1 Ihre Änderungen bleiben im Fenster und werden gespeichert, sobald es wieder geht.</translation>
    </message>
    <message>
        <source>All changes of the project are saved after all.</source>
        <translation>Alle Änderungen des Projekts sind nun doch gespeichert.</translation>
    </message>
    <message numerus="yes">
        <source>%n files were added</source>
        <translation>
            <numerusform>%n Datei kam hinzu</numerusform>
            <numerusform>%n Dateien kamen hinzu</numerusform>
        </translation>
    </message>
    <message>
        <source>%1; %2 were listed already.</source>
        <translation>%1; %2 standen schon in der Liste.</translation>
    </message>
    <message>
        <source>The table was saved as %1.</source>
        <translation>Die Tabelle wurde als %1 gespeichert.</translation>
    </message>
    <message>
        <source>The report was saved as %1.</source>
        <translation>Der Bericht wurde als %1 gespeichert.</translation>
    </message>
    <message>
        <source>The report was signed off.</source>
        <translation>Der Bericht wurde abgezeichnet.</translation>
    </message>
    <message>
        <source>warning: </source>
        <translation>Warnung: </translation>
    </message>
    <message numerus="yes">
        <source>%n notes that were being written when the studio ended are offered again.</source>
        <translation>
            <numerusform>%n Notiz, an der beim Ende des Studios geschrieben wurde, ist wieder da.</numerusform>
            <numerusform>%n Notizen, an denen beim Ende des Studios geschrieben wurde, sind wieder da.</numerusform>
        </translation>
    </message>
    <message>
        <source>Open a project first.</source>
        <translation>Öffnen Sie zuerst ein Projekt.</translation>
    </message>
    <message>
        <source>The project is open to read only; results cannot be kept in it.</source>
        <translation>Das Projekt ist nur zum Lesen geöffnet; Ergebnisse können darin nicht gespeichert werden.</translation>
    </message>
    <message>
        <source>Add files to the project first.</source>
        <translation>Fügen Sie dem Projekt zuerst Dateien hinzu.</translation>
    </message>
    <message>
        <source>Looking for models…</source>
        <translation>Modelle werden gesucht …</translation>
    </message>
    <message>
        <source>No model is installed.</source>
        <translation>Es ist kein Modell installiert.</translation>
    </message>
    <message>
        <source>The model is for slides; this is a fundus photograph.</source>
        <translation>Das Modell ist für Schnitte; dies ist ein Fundusfoto.</translation>
    </message>
    <message>
        <source>The model is for fundus photographs; this is a slide.</source>
        <translation>Das Modell ist für Fundusfotos; dies ist ein Schnitt.</translation>
    </message>
    <message>
        <source>Another file of this job has a path with the same end; analyse them apart.</source>
        <translation>Der Pfad einer anderen Datei dieses Auftrags endet gleich; werten Sie beide getrennt aus.</translation>
    </message>
    <message>
        <source>%1 with %2</source>
        <translation>%1 mit %2</translation>
    </message>
    <message numerus="yes">
        <source>%n files with %1</source>
        <translation>
            <numerusform>%n Datei mit %1</numerusform>
            <numerusform>%n Dateien mit %1</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n files were found again</source>
        <translation>
            <numerusform>%n Datei wurde wiedergefunden</numerusform>
            <numerusform>%n Dateien wurden wiedergefunden</numerusform>
        </translation>
    </message>
    <message>
        <source>%1; %2 are missing still.</source>
        <translation>%1; %2 fehlen noch.</translation>
    </message>
</context>
<context>
    <name>viewmodels::Worklist</name>
    <message>
        <source>in review</source>
        <translation>in Prüfung</translation>
    </message>
    <message>
        <source>done</source>
        <translation>fertig</translation>
    </message>
    <message>
        <source>flagged</source>
        <translation>markiert</translation>
    </message>
    <message>
        <source>new</source>
        <translation>neu</translation>
    </message>
    <message>
        <source>File</source>
        <translation>Datei</translation>
    </message>
    <message>
        <source>Kind</source>
        <translation>Art</translation>
    </message>
    <message>
        <source>Patient</source>
        <translation>Patient</translation>
    </message>
    <message>
        <source>Eye</source>
        <translation>Auge</translation>
    </message>
    <message>
        <source>Status</source>
        <translation>Status</translation>
    </message>
    <message>
        <source>Tags</source>
        <translation>Stichwörter</translation>
    </message>
    <message>
        <source>Label</source>
        <translation>Wahre Klasse</translation>
    </message>
    <message>
        <source>Result</source>
        <translation>Ergebnis</translation>
    </message>
    <message>
        <source>%1 (not readable)</source>
        <translation>%1 (nicht lesbar)</translation>
    </message>
    <message>
        <source>fundus</source>
        <translation>Fundus</translation>
    </message>
    <message>
        <source>slide</source>
        <translation>Schnitt</translation>
    </message>
    <message>
        <source>right</source>
        <translation>rechts</translation>
    </message>
    <message>
        <source>left</source>
        <translation>links</translation>
    </message>
    <message>
        <source>%1: %2</source>
        <translation>%1: %2</translation>
    </message>
    <message>
        <source>Nothing can be added: the project is open to read only.</source>
        <translation>Es kann nichts hinzugefügt werden: das Projekt ist nur zum Lesen geöffnet.</translation>
    </message>
    <message numerus="yes">
        <source>adding of %n files</source>
        <translation>
            <numerusform>Hinzufügen von %n Datei</numerusform>
            <numerusform>Hinzufügen von %n Dateien</numerusform>
        </translation>
    </message>
    <message>
        <source>The table tells nothing new of the files in this project.</source>
        <translation>Die Tabelle sagt nichts Neues zu den Dateien dieses Projekts.</translation>
    </message>
    <message>
        <source>facts from a table</source>
        <translation>Angaben aus einer Tabelle</translation>
    </message>
    <message>
        <source>Nothing can be changed: the project is open to read only.</source>
        <translation>Es kann nichts geändert werden: das Projekt ist nur zum Lesen geöffnet.</translation>
    </message>
    <message>
        <source>change of patient</source>
        <translation>Änderung des Patienten</translation>
    </message>
    <message>
        <source>change of eye</source>
        <translation>Änderung des Auges</translation>
    </message>
    <message>
        <source>change of label</source>
        <translation>Änderung der wahren Klasse</translation>
    </message>
    <message>
        <source>change of site</source>
        <translation>Änderung des Orts</translation>
    </message>
    <message>
        <source>change of scale</source>
        <translation>Änderung des Maßstabs</translation>
    </message>
    <message>
        <source>change of status</source>
        <translation>Änderung des Status</translation>
    </message>
    <message>
        <source>change of notes</source>
        <translation>Änderung der Notizen</translation>
    </message>
    <message>
        <source>change of tags</source>
        <translation>Änderung der Stichwörter</translation>
    </message>
    <message numerus="yes">
        <source>removal of %n files</source>
        <translation>
            <numerusform>Entfernen von %n Datei</numerusform>
            <numerusform>Entfernen von %n Dateien</numerusform>
        </translation>
    </message>
    <message>
        <source>None of the missing files lies in that folder.</source>
        <translation>Keine der fehlenden Dateien liegt in diesem Ordner.</translation>
    </message>
    <message>
        <source>%1 is listed already.</source>
        <translation>%1 steht schon in der Liste.</translation>
    </message>
    <message numerus="yes">
        <source>finding of %n files</source>
        <translation>
            <numerusform>Wiederfinden von %n Datei</numerusform>
            <numerusform>Wiederfinden von %n Dateien</numerusform>
        </translation>
    </message>
</context>
</TS>
