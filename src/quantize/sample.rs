//! The texts of a sample.

/// Pairs of a query and a document on which to measure the error of quantization. Pairs of the
/// application are better, if there are some.
pub const SAMPLE: [(&str, &str); 12] = [
    ("how do bees find their way home", "Bees remember landmarks and the place of the sun."),
    ("how do bees find their way home", "A hive holds up to sixty thousand workers in summer."),
    ("how do bees find their way home", "The library opens at nine on weekdays."),
    (
        "install a program without an administrator's rights",
        "Unpack the archive into your home folder and add its bin folder to PATH.",
    ),
    ("install a program without an administrator's rights", "sudo apt install build-essential"),
    (
        "capital of Australia",
        "Canberra was chosen in 1908, because neither Sydney nor Melbourne would yield to the other.",
    ),
    (
        "capital of Australia",
        "Sydney is the largest city of the country, and its harbour is known all over the world.",
    ),
    (
        "wie lange muss ein Ei kochen",
        "Ein mittelgroßes Ei ist nach sieben Minuten wachsweich und nach zehn hart.",
    ),
    ("wie lange muss ein Ei kochen", "Hens lay fewer eggs when the days get shorter."),
    (
        "error 28 no space left on device",
        "The file system has no free blocks or inodes: `df -i` shows which of the two is used up. Remove old logs, or make the volume larger.",
    ),
    (
        "error 28 no space left on device",
        "Errors of memory appear as a bus error or a segmentation fault, and mostly have other causes than a full disk.",
    ),
    (
        "tides",
        "The moon draws the water nearest to it more strongly than the earth, and the earth more strongly than the water on its far side. So there are two bulges, under which the earth turns once a day, and most coasts see high water twice.",
    ),
];
