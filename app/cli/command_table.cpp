#include "app/cli/command_table.h"

#include <array>

namespace cli {
namespace {

constexpr std::array kCommands{
    Command{"info", "Levels, scale and its source, vendor and properties of slides and images",
            "tessera info slide.svs\n"
            "tessera info --json slides/",
            &attach_info},
    Command{"tile", "Cut slides into tissue tiles: coordinates that CLAM reads, contours, a picture",
            "tessera tile slides/ --mpp 0.5 --tile-px 256 --out tiles/", &attach_tile},
    Command{"encode", "Turn the tissue tiles of slides into features (HDF5); resumes",
            "tessera encode slides/ --encoder my-encoder/ --out features/", &attach_encode, true},
    Command{
        "analyze", "Tile, encode, predict, explain and report; the main job; resumes",
        "tessera analyze slide.svs --model phantom-tumour-abmil --out result/\n"
        "tessera analyze images/ --mpp 0.62 --exclude 'masks/*' --model phantom-tumour-abmil --out result/",
        &attach_analyze, true},
    Command{"mil", "Train slide classifiers on bags of features, and use them",
            "tessera mil train --bags features/ --labels labels.csv --method ce --base abmil --out run/\n"
            "tessera mil crossval --bags features/ --labels labels.csv --folds 5 --out folds/\n"
            "tessera mil evaluate --model run/model --bags features/ --labels test.csv --out evaluation/\n"
            "tessera mil predict --model run/model --bags features/ --out predictions/",
            &attach_mil, true},
    Command{"retina", "Photographs of the retina: field of view, quality, even light; grades of retinopathy",
            "tessera retina prepare photographs/ --size 512 --correct-illumination --out prepared/\n"
            "tessera retina grade photographs/ --table facts.csv --model my-grader/ --out graded/",
            &attach_retina, true},
    Command{
        "segment",
        "Masks, outlines and measurements of vessels, discs, nuclei, tumours; and how good they are",
        "tessera segment train --data drive/ --classes vessel=vessels_1st --crop-to-field --out run/\n"
        "tessera segment adapt new-camera/ --model run/model --adapt osuda --out adapted/\n"
        "tessera segment predict photographs/ --model vessels/ --out masks/\n"
        "tessera segment evaluate --data drive/ --classes vessel=vessels_1st --model vessels/ --out scores/",
        &attach_segment, true},
    Command{"model", "List, show, verify, pack, train, calibrate and average model packages",
            "tessera model list\n"
            "tessera model calibrate run/model --bags held-out/ --labels held-out.csv --out calibrated/\n"
            "tessera model soup folds/fold_0/model folds/fold_1/model --out soup/\n"
            "tessera model pack uni.pth --preset uni_v1 --out uni/",
            &attach_model, true},
    Command{"phantom", "Make synthetic slides, cohorts and checker boards with ground truth",
            "tessera phantom slide --tumour-fraction 0.2 --seed 7 --out demo.tiff\n"
            "tessera phantom cohort --slides 24 --patients 20 --out cohort/\n"
            "tessera phantom fundus --grade 3 --domain clinic-a --out eye.png\n"
            "tessera phantom fundus-cohort --images 80 --patients 40 --out eyes/",
            &attach_phantom},
    Command{"annotations", "Convert annotations of QuPath and ASAP; masks and labels of them",
            "tessera annotations convert drawn.xml drawn.geojson\n"
            "tessera annotations export drawn.geojson --slide slide.svs --out masks/\n"
            "tessera annotations region drawn.geojson --number 3 --slide slide.svs --out region.tif",
            &attach_annotations},
    Command{"report", "Write the reports of an analysis again", "tessera report result/", &attach_report},
    Command{"doctor", "BLAS, threads, devices, readers and models: what is used and why", "tessera doctor",
            &attach_doctor, true},
    Command{"view", "Open slides in the window, tessera-studio", "tessera view slide.svs", &attach_view},
};

}  // namespace

std::span<const Command> command_table() {
  return kCommands;
}

}  // namespace cli
