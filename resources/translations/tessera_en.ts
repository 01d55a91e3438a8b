<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="en_GB" sourcelanguage="en">
<context>
    <name>gui::AnalyseDialog</name>
    <message numerus="yes">
        <source>%n files will be analysed.</source>
        <translation>
            <numerusform>%n file will be analysed.</numerusform>
            <numerusform>%n files will be analysed.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n are left out:</source>
        <translation>
            <numerusform>%n is left out:</numerusform>
            <numerusform>%n are left out:</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>gui::LookArea</name>
    <message numerus="yes">
        <source>%n view(s)</source>
        <translation>
            <numerusform>%n view</numerusform>
            <numerusform>%n views</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>gui::MessageBar</name>
    <message numerus="yes">
        <source>%n more</source>
        <translation>
            <numerusform>%n more</numerusform>
            <numerusform>%n more</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>gui::WorklistPanel</name>
    <message numerus="yes">
        <source>%n files</source>
        <translation>
            <numerusform>%n file</numerusform>
            <numerusform>%n files</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>Analyse %n files…</source>
        <translation>
            <numerusform>Analyse %n file…</numerusform>
            <numerusform>Analyse %n files…</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>Find %n missing files…</source>
        <translation>
            <numerusform>Find %n missing file…</numerusform>
            <numerusform>Find %n missing files…</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>viewmodels::JobQueue</name>
    <message numerus="yes">
        <source>done, %n failed</source>
        <translation>
            <numerusform>done, %n failed</numerusform>
            <numerusform>done, %n failed</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>viewmodels::PatientList</name>
    <message numerus="yes">
        <source>%n files</source>
        <translation>
            <numerusform>%n file</numerusform>
            <numerusform>%n files</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>viewmodels::Workbench</name>
    <message numerus="yes">
        <source>%n files were added</source>
        <translation>
            <numerusform>%n file was added</numerusform>
            <numerusform>%n files were added</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n notes that were being written when the studio ended are offered again.</source>
        <translation>
            <numerusform>%n note that was being written when the studio ended is offered again.</numerusform>
            <numerusform>%n notes that were being written when the studio ended are offered again.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n files with %1</source>
        <translation>
            <numerusform>%n file with %1</numerusform>
            <numerusform>%n files with %1</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n files were found again</source>
        <translation>
            <numerusform>%n file was found again</numerusform>
            <numerusform>%n files were found again</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>viewmodels::Worklist</name>
    <message numerus="yes">
        <source>adding of %n files</source>
        <translation>
            <numerusform>adding of %n file</numerusform>
            <numerusform>adding of %n files</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>removal of %n files</source>
        <translation>
            <numerusform>removal of %n file</numerusform>
            <numerusform>removal of %n files</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>finding of %n files</source>
        <translation>
            <numerusform>finding of %n file</numerusform>
            <numerusform>finding of %n files</numerusform>
        </translation>
    </message>
</context>
</TS>
