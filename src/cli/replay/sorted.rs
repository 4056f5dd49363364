//! `--sort`: lines in the order in which their records were appended.
//!
//! kcat prints one partition after the other, and several captures may be joined. Records of one partition keep the order of
//! their offsets; apart from that the earlier one comes first, and the earlier line among those of one time.

use std::collections::BTreeMap;
use std::io::{self, BufRead};

use otp_topology::otp::LogTime;

use super::kcat::{self, BadLine, Line};
use super::lines::Lines;

/// Why lines cannot be sorted.
#[derive(Debug)]
pub(super) enum Unsorted {
    Read(io::Error),
    /// The number of a bad line.
    Line(u64, BadLine),
}

/// A line and its number.
pub(super) type Numbered = (u64, Vec<u8>);

/// Where a line belongs.
struct Placed {
    numbered: Numbered,
    /// Its own, else that of the line before it.
    time: LogTime,
    /// Topic, partition and offset, if it gives them.
    at: Option<((String, i32), i64)>,
}

/// Reads all lines and sorts them. Blank ones are left out.
///
/// # Errors
/// See [`Unsorted`].
pub(super) fn sorted<R: BufRead>(lines: &mut Lines<R>) -> Result<Vec<Numbered>, Unsorted> {
    let mut all = Vec::new();
    let mut time = LogTime::default();
    while let Some((number, line)) = lines.next().map_err(Unsorted::Read)? {
        let at = match kcat::decode(line).map_err(|bad| Unsorted::Line(number, bad))? {
            None => continue,
            Some(Line::Time(given)) => {
                time = given;
                None
            }
            Some(Line::Record(record)) => {
                time = record.timestamp.unwrap_or(time);
                let partition = record.partition.zip(record.offset);
                partition.map(|(partition, offset)| ((record.topic.into_owned(), partition), offset))
            }
        };
        all.push(Placed { numbered: (number, line.to_vec()), time, at });
    }
    Ok(in_order(all))
}

fn in_order(mut all: Vec<Placed>) -> Vec<Numbered> {
    let mut partitions: BTreeMap<(String, i32), Vec<(i64, usize)>> = BTreeMap::new();
    for (index, placed) in all.iter().enumerate() {
        if let Some((partition, offset)) = &placed.at {
            partitions.entry(partition.clone()).or_default().push((*offset, index));
        }
    }
    // Time, then the number of the partition's first line, then the place in the partition.
    let mut keys: Vec<_> = all.iter().map(|placed| (placed.time, placed.numbered.0, 0)).collect();
    for mut records in partitions.into_values() {
        let first = records.iter().map(|(_, index)| all[*index].numbered.0).min().unwrap_or_default();
        records.sort_unstable();
        let mut time = LogTime::default();
        for (place, (_, index)) in records.into_iter().enumerate() {
            time = time.max(all[index].time);
            keys[index] = (time, first, place);
        }
    }
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by_key(|index| keys[*index]);
    order.into_iter().map(|index| std::mem::take(&mut all[index].numbered)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(given: &[&str], expected: &[u64]) {
        let text = given.iter().map(|it| format!("{it}\n")).collect::<String>();
        let found = sorted(&mut Lines::new(text.as_bytes())).expect("good lines");
        let numbers: Vec<u64> = found.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, expected, "{given:#?}");
        for (number, line) in found {
            assert_eq!(line.trim_ascii(), given[number as usize - 1].as_bytes());
        }
    }

    fn line(topic: &str, partition: i32, offset: i64, ts: i64) -> String {
        format!(r#"{{"topic":"{topic}","partition":{partition},"offset":{offset},"ts":{ts},"payload":""}}"#)
    }

    #[test]
    fn lines_come_in_the_order_of_their_records() {
        let of = |given: &[(&str, i32, i64, i64)], expected: &[u64]| {
            let lines: Vec<String> =
                given.iter().map(|(topic, at, offset, ts)| line(topic, *at, *offset, *ts)).collect();
            check(&lines.iter().map(String::as_str).collect::<Vec<_>>(), expected);
        };
        // One partition after the other.
        of(&[("r", 0, 0, 1), ("r", 0, 1, 5), ("r", 1, 0, 2), ("r", 1, 1, 4)], &[1, 3, 4, 2]);
        // Offsets of one millisecond, after a sort of whole lines.
        of(&[("r", 0, 10, 7), ("r", 0, 2, 7), ("r", 0, 9, 7)], &[2, 3, 1]);
        // A partition whose time goes back keeps its order.
        of(&[("r", 0, 0, 9), ("r", 0, 1, 3), ("r", 1, 0, 4)], &[3, 1, 2]);
        // No time is that of the line before.
        of(&[("r", 0, 0, 9), ("r", 0, 1, -1), ("r", 1, 0, 8), ("r", 1, 1, -1)], &[3, 4, 1, 2]);
        // One time: the earlier line first.
        of(&[("policies", 0, 3, 5), ("r", 1, 0, 5), ("r", 0, 0, 5)], &[1, 2, 3]);
    }

    #[test]
    fn lines_without_a_place_go_by_their_times() {
        let lines =
            [r#"{"ts":9}"#, "", r#"{"topic":"t","payload":"x"}"#, r#"{"topic":"t","payload":"x","ts":4}"#];
        check(&lines, &[4, 1, 3]);
    }

    #[test]
    fn a_bad_line_is_named() {
        let found = sorted(&mut Lines::new(&b"{\"ts\":1}\nx\n"[..]));
        assert!(matches!(found, Err(Unsorted::Line(2, BadLine::NotAnObject))));
    }
}
