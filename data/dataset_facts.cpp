// What was published about each data set: domains in index order, classes, numbers of images, protocol values.
// Sources: DomainBed (its datasets.py, download.py and list of DomainNet's duplicates), the SWAD paper's totals and
// configuration, the SWAD author's numbers for the two vintages of TerraIncognita.
#include <sstream>

#include "data/datasets.h"

namespace dgsam {
namespace {

constexpr const char* kOfficeHomeClasses =
    "Alarm_Clock Backpack Batteries Bed Bike Bottle Bucket Calculator Calendar Candles Chair Clipboards Computer "
    "Couch Curtains Desk_Lamp Drill Eraser Exit_Sign Fan File_Cabinet Flipflops Flowers Folder Fork Glasses "
    "Hammer Helmet Kettle Keyboard Knives Lamp_Shade Laptop Marker Monitor Mop Mouse Mug Notebook Oven Pan "
    "Paper_Clip Pen Pencil Postit_Notes Printer Push_Pin Radio Refrigerator Ruler Scissors Screwdriver Shelf Sink "
    "Sneakers Soda Speaker Spoon TV Table Telephone ToothBrush Toys Trash_Can Webcam";

constexpr const char* kDomainNetClasses =
    "The_Eiffel_Tower The_Great_Wall_of_China The_Mona_Lisa aircraft_carrier airplane alarm_clock ambulance angel "
    "animal_migration ant anvil apple arm asparagus axe backpack banana bandage barn baseball baseball_bat basket "
    "basketball bat bathtub beach bear beard bed bee belt bench bicycle binoculars bird birthday_cake blackberry "
    "blueberry book boomerang bottlecap bowtie bracelet brain bread bridge broccoli broom bucket bulldozer bus "
    "bush butterfly cactus cake calculator calendar camel camera camouflage campfire candle cannon canoe car "
    "carrot castle cat ceiling_fan cell_phone cello chair chandelier church circle clarinet clock cloud "
    "coffee_cup compass computer cookie cooler couch cow crab crayon crocodile crown cruise_ship cup diamond "
    "dishwasher diving_board dog dolphin donut door dragon dresser drill drums duck dumbbell ear elbow elephant "
    "envelope eraser eye eyeglasses face fan feather fence finger fire_hydrant fireplace firetruck fish flamingo "
    "flashlight flip_flops floor_lamp flower flying_saucer foot fork frog frying_pan garden garden_hose giraffe "
    "goatee golf_club grapes grass guitar hamburger hammer hand harp hat headphones hedgehog helicopter helmet "
    "hexagon hockey_puck hockey_stick horse hospital hot_air_balloon hot_dog hot_tub hourglass house house_plant "
    "hurricane ice_cream jacket jail kangaroo key keyboard knee knife ladder lantern laptop leaf leg light_bulb "
    "lighter lighthouse lightning line lion lipstick lobster lollipop mailbox map marker matches megaphone "
    "mermaid microphone microwave monkey moon mosquito motorbike mountain mouse moustache mouth mug mushroom nail "
    "necklace nose ocean octagon octopus onion oven owl paint_can paintbrush palm_tree panda pants paper_clip "
    "parachute parrot passport peanut pear peas pencil penguin piano pickup_truck picture_frame pig pillow "
    "pineapple pizza pliers police_car pond pool popsicle postcard potato power_outlet purse rabbit raccoon radio "
    "rain rainbow rake remote_control rhinoceros rifle river roller_coaster rollerskates sailboat sandwich saw "
    "saxophone school_bus scissors scorpion screwdriver sea_turtle see_saw shark sheep shoe shorts shovel sink "
    "skateboard skull skyscraper sleeping_bag smiley_face snail snake snorkel snowflake snowman soccer_ball sock "
    "speedboat spider spoon spreadsheet square squiggle squirrel stairs star steak stereo stethoscope stitches "
    "stop_sign stove strawberry streetlight string_bean submarine suitcase sun swan sweater swing_set sword "
    "syringe t-shirt table teapot teddy-bear telephone television tennis_racquet tent tiger toaster toe toilet "
    "tooth toothbrush toothpaste tornado tractor traffic_light train tree triangle trombone truck trumpet "
    "umbrella underwear van vase violin washing_machine watermelon waterslide whale wheel windmill wine_bottle "
    "wine_glass wristwatch yoga zebra zigzag";

std::vector<std::string> words(const char* text) {
  std::istringstream stream(text);
  std::vector<std::string> result;
  for (std::string word; stream >> word;) result.push_back(word);
  return result;
}

DatasetSpec pacs() {
  return {.name = "PACS",
          .root = "PACS",
          .what = "art_painting cartoon photo sketch, 7 classes",
          .other_roots = {"kfold"},  // what its archive unpacks to
          .domains = {{"art_painting", "A"}, {"cartoon", "C"}, {"photo", "P"}, {"sketch", "S"}},
          .classes = words("dog elephant giraffe guitar horse house person"),
          .vintages = {{.name = "as published",
                        .images = {2048, 2344, 1670, 3929},
                        .class_images = {{379, 255, 285, 184, 201, 295, 449},
                                         {389, 457, 346, 135, 324, 288, 405},
                                         {189, 202, 182, 186, 199, 280, 432},
                                         {772, 740, 753, 608, 816, 80, 160}}}}};
}

DatasetSpec vlcs() {
  return {.name = "VLCS",
          .root = "VLCS",
          .what = "Caltech101 LabelMe SUN09 VOC2007, 5 classes",
          .domains = {{"Caltech101", "C", {"CALTECH", "Caltech"}},
                      {"LabelMe", "L", {"LABELME"}},
                      {"SUN09", "S", {"SUN"}},
                      {"VOC2007", "V", {"PASCAL", "VOC"}}},
          .classes = words("bird car chair dog person"),
          .vintages = {{.name = "as published",
                        .images = {1415, 2656, 3282, 3376},
                        .class_images = {{237, 123, 118, 67, 870},
                                         {80, 1209, 88, 42, 1237},
                                         {20, 932, 1036, 30, 1264},
                                         {330, 699, 428, 420, 1499}}}},
          .training = {.swad_tolerance = 0.2}};
}

DatasetSpec office_home() {
  return {.name = "OfficeHome",
          .root = "office_home",
          .what = "Art Clipart Product Real World, 65 classes",
          .other_roots = {"OfficeHomeDataset_10072016", "OfficeHome"},
          .domains = {{"Art", "A", {"art"}},
                      {"Clipart", "C", {"clipart"}},
                      {"Product", "P", {"product"}},
                      {"Real World", "R", {"Real_World", "RealWorld", "real_world"}}},
          .classes = words(kOfficeHomeClasses),
          .vintages = {{.name = "as published", .images = {2427, 4365, 4439, 4357}}}};
}

DatasetSpec terra_incognita() {
  return {.name = "TerraIncognita",
          .root = "terra_incognita",
          .what = "location_100 _38 _43 _46, 10 classes",
          .other_roots = {"TerraIncognita"},
          .domains = {{"location_100", "L100"}, {"location_38", "L38"}, {"location_43", "L43"}, {"location_46", "L46"}},
          .classes = words("bird bobcat cat coyote dog empty opossum rabbit raccoon squirrel"),
          .vintages = {{.name = "as built from the annotations of 2020, which SWAD's and SAGM's figures are for",
                        .images = {4879, 9767, 4020, 6122}},
                       {.name = "as built from the annotations of 2021, which DomainBed downloads since July 2021",
                        .images = {4741, 9736, 3970, 5883}}}};
}

DatasetSpec domain_net() {
  return {.name = "DomainNet",
          .root = "domain_net",
          .what = "clipart infograph painting quickdraw real sketch, 345 classes",
          .other_roots = {"DomainNet"},
          .domains = {{"clipart", "clip"},
                      {"infograph", "info"},
                      {"painting", "paint"},
                      {"quickdraw", "quick"},
                      {"real", "real"},
                      {"sketch", "sketch"}},
          .classes = words(kDomainNetClasses),
          .vintages = {{.name = "as published, without the duplicates",
                        .images = {48129, 51605, 72266, 172500, 172947, 69128}},
                       {.name = "as in the cleaned archives",
                        .images = {48833, 53201, 75759, 172500, 175327, 70386},
                        .unfinished = "the duplicates have not been removed: every protocol deletes the 9,431 files "
                                      "that DomainBed lists in domain_net_duplicates.txt"}},
          .training = {.steps = 15001, .eval_every = 1000},
          .domainbed_2020 = {.steps = 5001, .eval_every = 1000}};
}

TrainingDefaults mnist_training(int channels) {
  return {.steps = 5001,
          .eval_every = 100,
          .batch_size = 64,
          .lr = 1e-3,
          .model = "mnist-cnn",
          .image_size = 28,
          .augment = false,
          .imagenet_normalisation = false,
          .channels = channels};
}

DatasetSpec rotated_mnist() {
  return {.name = "RotatedMNIST",
          .root = "rotated_mnist",
          .what = "digits turned by 0 15 30 45 60 75 degrees, 10 classes",
          .domains = {{"00", "0"}, {"15", "15"}, {"30", "30"}, {"45", "45"}, {"60", "60"}, {"75", "75"}},
          .classes = words("0 1 2 3 4 5 6 7 8 9"),
          .vintages = {{.name = "as DomainBed deals MNIST out", .images = {11667, 11667, 11667, 11667, 11666, 11666}}},
          .training = mnist_training(1),
          .domainbed_2020 = {.steps = 5001, .eval_every = 100}};
}

DatasetSpec colored_mnist() {
  return {.name = "ColoredMNIST",
          .root = "colored_mnist",
          .what = "digits whose colour agrees with the class +90% +80% -90%, 2 classes",
          .domains = {{"0_plus90", "+90%"}, {"1_plus80", "+80%"}, {"2_minus90", "-90%"}},
          .classes = words("0 1"),
          .vintages = {{.name = "as DomainBed deals MNIST out", .images = {23334, 23333, 23333}}},
          .training = mnist_training(2),
          .domainbed_2020 = {.steps = 5001, .eval_every = 100}};
}

}  // namespace

const std::vector<DatasetSpec>& known_datasets() {
  static const std::vector<DatasetSpec> kDatasets = [] {
    DatasetSpec any;
    any.name = "folder";
    any.what = "any tree root/domain/class/image";
    return std::vector<DatasetSpec>{any,          pacs(),          vlcs(),         office_home(), terra_incognita(),
                                    domain_net(), rotated_mnist(), colored_mnist()};
  }();
  return kDatasets;
}

}  // namespace dgsam
