//! Which way each choice of a run was made, as a text that makes the run again; and who makes them.

use std::fmt;
use std::str::FromStr;

use crate::random::{STEP, below, mix};

/// The choices of a run, in order: each a number among what could have happened then, oldest first.
///
/// Where only one thing could happen there was no choice. After the last number, the oldest is
/// chosen. Its text is the numbers with points between them, or `-` for none; it holds for the
/// program that made it, and for no other.
///
/// # Examples
/// ```
/// use wharf_runtime::explore::Schedule;
/// let schedule: Schedule = "0.2.1".parse().unwrap();
/// assert_eq!(schedule.choices(), [0, 2, 1]);
/// assert_eq!(schedule.to_string(), "0.2.1");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Schedule(Vec<usize>);

impl Schedule {
    /// The schedule of these choices.
    pub(super) fn new(choices: impl IntoIterator<Item = usize>) -> Self {
        Self(choices.into_iter().collect())
    }

    /// The choices.
    #[must_use]
    pub fn choices(&self) -> &[usize] {
        &self.0
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((first, rest)) = self.0.split_first() else { return f.write_str("-") };
        write!(f, "{first}")?;
        rest.iter().try_for_each(|choice| write!(f, ".{choice}"))
    }
}

impl FromStr for Schedule {
    type Err = ParseScheduleError;

    fn from_str(text: &str) -> Result<Self, ParseScheduleError> {
        if text == "-" {
            return Ok(Self::default());
        }
        let choices: Result<Vec<usize>, _> = text.split('.').map(str::parse).collect();
        choices.map(Self).map_err(|_| ParseScheduleError { text: text.to_owned() })
    }
}

/// A text is no schedule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no schedule: numbers with points between them, or `-`")]
pub struct ParseScheduleError {
    text: String,
}

/// One choice that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Point {
    /// Which.
    pub(super) chosen: usize,
    /// Out of how many.
    pub(super) count: usize,
    /// What there was to choose from.
    pub(super) fingerprint: u64,
}

/// The program did not offer the same choices again: it depends on something that is no choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Diverged;

/// Makes the choices of one run.
pub(super) trait Chooser {
    /// Chooses one of `count` things that can happen, whose fingerprint is given.
    fn choose(&mut self, at: usize, count: usize, fingerprint: u64) -> Result<usize, Diverged>;

    /// Whether a run may end after `made` choices.
    fn may_end(&self, made: usize) -> bool;
}

/// As a schedule says.
pub(super) struct Scripted<'a>(pub(super) &'a Schedule);

impl Chooser for Scripted<'_> {
    fn choose(&mut self, at: usize, count: usize, _: u64) -> Result<usize, Diverged> {
        let chosen = self.0.0.get(at).copied().unwrap_or(0);
        if chosen < count { Ok(chosen) } else { Err(Diverged) }
    }

    fn may_end(&self, made: usize) -> bool {
        made >= self.0.0.len()
    }
}

/// At random, from a seed: `SplitMix64` (Steele, Lea and Flood 2014).
pub(super) struct Random(pub(super) u64);

impl Chooser for Random {
    fn choose(&mut self, _: usize, count: usize, _: u64) -> Result<usize, Diverged> {
        self.0 = self.0.wrapping_add(STEP);
        Ok(below(mix(self.0), count))
    }

    fn may_end(&self, _: usize) -> bool {
        true
    }
}

/// Depth first: the choices of the last run with the last one that has an alternative left changed,
/// then always the first.
pub(super) struct DepthFirst(Vec<Point>);

impl DepthFirst {
    /// Before the first run.
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Makes the next run's choices out of those of the last; false when there is none left.
    pub(super) fn advance(&mut self, made: &[Point]) -> bool {
        self.0 = made.to_vec();
        while let Some(last) = self.0.last_mut() {
            if last.chosen + 1 < last.count {
                last.chosen += 1;
                return true;
            }
            self.0.pop();
        }
        false
    }
}

impl Chooser for DepthFirst {
    fn choose(&mut self, at: usize, count: usize, fingerprint: u64) -> Result<usize, Diverged> {
        match self.0.get(at) {
            None => Ok(0),
            Some(point) if (point.count, point.fingerprint) == (count, fingerprint) => Ok(point.chosen),
            Some(_) => Err(Diverged),
        }
    }

    fn may_end(&self, made: usize) -> bool {
        made >= self.0.len()
    }
}

#[cfg(all(test, not(wharf_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_is_read_back_from_its_text() {
        for choices in [vec![], vec![7], vec![0, 2, 1, 10]] {
            let schedule = Schedule::new(choices.clone());
            assert_eq!(schedule.to_string().parse::<Schedule>().unwrap().choices(), choices);
        }
        for text in ["", ".", "1.", "a", "1.-2", "1,2"] {
            assert!(text.parse::<Schedule>().is_err(), "{text}");
        }
    }

    #[test]
    fn depth_first_makes_every_combination_once() {
        let mut chooser = DepthFirst::new();
        let mut seen = Vec::new();
        loop {
            let mut made = Vec::new();
            // Two choices; the second has more alternatives after the first one's 1.
            for at in 0..2 {
                let count =
                    if at == 0 { 2 } else { 2 + made.first().map_or(0, |first: &Point| first.chosen) };
                let chosen = chooser.choose(at, count, 0).unwrap();
                made.push(Point { chosen, count, fingerprint: 0 });
            }
            seen.push((made[0].chosen, made[1].chosen));
            if !chooser.advance(&made) {
                break;
            }
        }
        assert_eq!(seen, [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2)]);
    }

    #[test]
    fn depth_first_notices_when_other_choices_are_offered() {
        let mut chooser = DepthFirst::new();
        assert!(chooser.advance(&[Point { chosen: 0, count: 2, fingerprint: 5 }]));
        assert_eq!(chooser.choose(0, 2, 5), Ok(1));
        assert_eq!(chooser.choose(0, 3, 5), Err(Diverged));
        assert_eq!(chooser.choose(0, 2, 6), Err(Diverged));
        assert!(!chooser.may_end(0));
    }

    #[test]
    fn random_choices_stay_in_range_and_reach_all_of_it() {
        let mut chooser = Random(1);
        let mut seen = [0_u32; 3];
        for at in 0..300 {
            seen[chooser.choose(at, 3, 0).unwrap()] += 1;
        }
        assert!(seen.iter().all(|count| *count > 50), "{seen:?}");
    }
}
