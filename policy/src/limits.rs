//! The limits: each with a name, a unit, a default and a most.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The unit that a limit counts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Units of WebAssembly fuel, about ten a nanosecond.
    Fuel,
    /// Milliseconds of wall time; written with a unit: `"500ms"`, `"10s"`, `"2min"`.
    Milliseconds,
    /// Bytes; written as a number, or with a unit: `"64KiB"`, `"1MiB"`, `"2GiB"`.
    Bytes,
    /// Things that are counted.
    Count,
}

/// What a limit bounds, and so where a policy can set it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Each step: in `[limits]` for all, in `[capability.NAME.limits]` for one.
    Step,
    /// A session, or one plan: in `[limits]` alone.
    Session,
}

/// One row of the table of limits.
#[derive(Clone, Copy, Debug)]
pub struct LimitRow {
    /// Its key in `[limits]`, and what a typed reason names: `limit.<name>`.
    pub name: &'static str,
    /// The unit it counts in.
    pub unit: Unit,
    /// What it bounds.
    pub scope: Scope,
    /// What holds where a policy says nothing.
    pub default: u64,
    /// The largest value a policy may set.
    pub most: u64,
    /// What it bounds, in a few words.
    pub about: &'static str,
}

macro_rules! limits {
    ($($field:ident $name:literal $unit:ident $scope:ident $default:literal $most:literal $about:literal)*) => {
        /// Every limit's value. There is no "unlimited".
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields)]
        pub struct Limits {
            $(#[doc = $about] pub $field: u64,)*
        }

        /// The table of limits, in the order it is documented.
        pub const LIMITS: &[LimitRow] = &[
            $(LimitRow { name: $name, unit: Unit::$unit, scope: Scope::$scope, default: $default, most: $most, about: $about },)*
        ];

        impl Default for Limits {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        impl Limits {
            /// The value of the limit that `name` names.
            pub fn get(&self, name: &str) -> Option<u64> {
                match name { $($name => Some(self.$field),)* _ => None }
            }

            /// Sets the limit of `row`. The value is parsed, in range, and so is the result.
            pub(crate) fn set(&mut self, row: &LimitRow, value: u64) {
                match row.name { $($name => self.$field = value,)* _ => {} }
            }
        }
    };
}

limits! {
    fuel "fuel" Fuel Step 20_000_000_000 10_000_000_000_000 "instructions of a step"
    time "time" Milliseconds Step 10_000 600_000 "wall time of a step"
    memory "memory" Bytes Step 67_108_864 4_294_967_296 "all memories of a step's store"
    tables "tables" Count Step 10_000 100_000 "elements of all tables of a step's store"
    handles "handles" Count Step 1_000 10_000 "handles that a step holds at once"
    open_files "open-files" Count Step 64 640 "files and folders that a step holds open at once"
    host_calls "host-calls" Count Step 100_000 10_000_000 "calls of a step to the host"
    tape "tape" Bytes Step 16_777_216 268_435_456 "host calls of a step with what they were answered, and as much of responses, kept for its replay"
    stdout "stdout" Bytes Step 65_536 1_048_576 "captured output of a step, stdout and stderr together"
    written "written" Bytes Session 67_108_864 17_179_869_184 "bytes written to files in a session"
    files "files" Count Session 1_000 1_000_000 "files and folders created in a session"
    argument_bytes "argument-bytes" Bytes Step 65_536 268_435_456 "one argument, as JSON"
    output_bytes "output-bytes" Bytes Step 1_048_576 268_435_456 "a step's output, as JSON"
    http_bytes "http-bytes" Bytes Step 4_194_304 268_435_456 "the body of one request, and of one response; all that a step receives over TCP"
    sent "sent" Bytes Step 16_777_216 17_179_869_184 "all that a step sends: URLs, headers and bodies of requests, and bytes over TCP"
    plan_bytes "plan-bytes" Bytes Session 1_048_576 4_194_304 "the text of a plan"
    plan_depth "plan-depth" Count Session 32 64 "nesting of a plan's JSON"
    plan_steps "plan-steps" Count Session 64 10_000 "steps of one plan"
    log "log" Bytes Session 67_108_864 4_294_967_296 "a run's record, without blobs"
}

const fn planner(name: &'static str, unit: Unit, default: u64, most: u64, about: &'static str) -> LimitRow {
    LimitRow { name, unit, scope: Scope::Session, default, most, about }
}

/// What a policy can set in `[planner]`, in this order: `rounds`, `corrections`, `tokens`, `time`.
pub const PLANNER_LIMITS: [LimitRow; 4] = [
    planner("rounds", Unit::Count, 8, 100, "plans that a planner is asked for in a session"),
    planner("corrections", Unit::Count, 2, 20, "plans of a session that it may mend once they were refused"),
    planner("tokens", Unit::Count, 1_000_000, 1_000_000_000, "tokens of a session's prompts and replies"),
    planner("time", Unit::Milliseconds, 1_800_000, 86_400_000, "time of a session from its first prompt"),
];

impl Limits {
    /// The wall time of a step.
    pub fn step_time(&self) -> Duration {
        Duration::from_millis(self.time)
    }
}

impl LimitRow {
    /// The row that `name` names.
    pub fn named(name: &str) -> Option<&'static Self> {
        LIMITS.iter().find(|row| row.name == name)
    }

    /// Parses what a policy wrote for this limit: a positive integer, or a string with a unit.
    ///
    /// # Errors
    /// Zero, negative, over the most, a fraction, or a unit of another kind; the text says which.
    pub fn parse(&self, written: &toml::Value) -> Result<u64, String> {
        let value = match written {
            toml::Value::Integer(n) if self.unit == Unit::Milliseconds => {
                return Err(format!("`{n}` has no unit; write \"{n}ms\" or \"{n}s\""));
            }
            toml::Value::Integer(n) => u64::try_from(*n).map_err(|_| format!("`{n}` is negative"))?,
            toml::Value::String(text) => self.parse_quantity(text)?,
            other => return Err(format!("a {} is no quantity", other.type_str())),
        };
        if value == 0 {
            return Err("it cannot be 0".to_owned());
        }
        if value > self.most {
            return Err(format!("it is over the most that is allowed, {}", Quantity(self.unit, self.most)));
        }
        Ok(value)
    }

    fn parse_quantity(&self, text: &str) -> Result<u64, String> {
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (digits, unit) = text.split_at(end);
        let units: &[(&str, u64)] = match self.unit {
            Unit::Milliseconds => &[("ms", 1), ("s", 1_000), ("min", 60_000)],
            Unit::Bytes => &[("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)],
            Unit::Fuel | Unit::Count => &[],
        };
        let known = || units.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        let number: u64 = digits.parse().map_err(|_| format!("`{text}` is no quantity"))?;
        let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim_start()).ok_or_else(|| {
            if units.is_empty() {
                format!("`{text}` should be a plain number")
            } else {
                format!("`{text}` has none of the units {}", known())
            }
        })?;
        number.checked_mul(*factor).ok_or_else(|| format!("`{text}` is too large"))
    }
}

/// A value with its unit, as people write it: `64 MiB`, `10 s`, `1_000`.
#[derive(Clone, Copy, Debug)]
pub struct Quantity(pub Unit, pub u64);

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(unit, value) = *self;
        let scale: &[(&str, u64)] = match unit {
            Unit::Bytes => &[("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)],
            Unit::Milliseconds => &[("min", 60_000), ("s", 1_000), ("ms", 1)],
            Unit::Fuel | Unit::Count => &[],
        };
        if let Some((name, factor)) = scale.iter().find(|(_, factor)| value >= *factor && value.is_multiple_of(*factor))
        {
            return write!(f, "{} {name}", value / factor);
        }
        let digits = value.to_string();
        for (position, digit) in digits.chars().enumerate() {
            if position > 0 && (digits.len() - position).is_multiple_of(3) {
                f.write_str("_")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}
