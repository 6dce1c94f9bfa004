//! Times and sizes in the units in which people read them.

use std::time::Duration;

/// A time, such as `850 µs`, `12.3 ms`, `1.2 s`, `2 min 5 s` or `3 h 20 min`.
pub fn time(time: Duration) -> String {
    let seconds = time.as_secs_f64().round() as u64;
    match seconds {
        0..60 => scaled(time.as_secs_f64() * 1e6, &["µs", "ms", "s"]),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// A size, such as `512 B`, `24.1 MB` or `1.2 GB`. Each unit is 1000 of the one before.
pub fn size(bytes: u64) -> String {
    scaled(bytes as f64, &["B", "kB", "MB", "GB", "TB"])
}

/// A value of the first unit in the largest unit of which it has at least one. It has three digits or
/// fewer, of which at most one is a decimal.
fn scaled(mut value: f64, units: &[&str]) -> String {
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    let decimals = usize::from(unit > 0 && value < 99.95);
    format!("{value:.decimals$} {}", units[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_the_unit_that_fits() {
        let said = [
            (0, "0 µs"),
            (999, "999 µs"),
            (1_000, "1.0 ms"),
            (12_345, "12.3 ms"),
            (123_456, "123 ms"),
            (999_499, "999 ms"),
            (999_500, "1.0 s"),
            (59_400_000, "59.4 s"),
            (59_900_000, "1 min 0 s"),
            (125_000_000, "2 min 5 s"),
            (3_599_700_000, "1 h 0 min"),
            (12_000_000_000, "3 h 20 min"),
        ];
        for (microseconds, text) in said {
            assert_eq!(time(Duration::from_micros(microseconds)), text);
        }
    }

    #[test]
    fn sizes_have_the_unit_that_fits() {
        let said = [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.0 kB"),
            (24_123_456, "24.1 MB"),
            (99_960_000, "100 MB"),
            (999_600_000, "1.0 GB"),
            (5_000_000_000_000_000, "5000 TB"),
        ];
        for (bytes, text) in said {
            assert_eq!(size(bytes), text);
        }
    }
}
