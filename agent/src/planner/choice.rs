//! The planner that the user chose, as one word: `openai:NAME`, `anthropic:NAME`, `ollama:NAME` or `command:PATH`.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use claw_policy::printable::printable;

/// The most bytes of a model's name or a command's path.
const NAME_BYTES_MAX: usize = 1024;

/// Which planner is asked. Its text, as [`fmt::Display`] gives it, is what the user wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// A model behind a service.
    Model(Service, ModelName),
    /// A program of the user's.
    Command(CommandPath),
}

/// How a service is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Chat completions, as OpenAI, llama.cpp, vLLM, LM Studio and OpenRouter have them.
    OpenAi,
    /// Anthropic's messages.
    Anthropic,
    /// Ollama's own chat.
    Ollama,
}

/// A model's name as its service knows it: not empty, and printable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelName(String);

/// Where a command is: a path with a `/` in it, so that no other program of its name is found instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandPath(String);

/// Why a text names no planner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChoiceError {
    /// What stands before the first `:` is none of the four words.
    #[error("no planner is named so")]
    Unknown,
    /// Nothing follows the `:`.
    #[error("its name is missing")]
    Nameless,
    /// The name has a character that cannot be printed, or one of white space at an end.
    #[error("its name has a character that cannot be printed, or a space at an end")]
    Unprintable,
    /// The name is too long.
    #[error("its name is over {NAME_BYTES_MAX} bytes")]
    TooLong,
    /// The path of a command has no `/`.
    #[error("its path has no `/`, and commands are not searched for")]
    Bare,
}

impl ChoiceError {
    /// What to do.
    pub fn help(self) -> &'static str {
        match self {
            Self::Bare => "write where the command is: `command:./NAME`, or its whole path",
            _ => "write `openai:NAME`, `anthropic:NAME`, `ollama:NAME` or `command:PATH`",
        }
    }
}

impl Choice {
    /// Whether it is a command whose path starts from the current folder.
    pub fn is_relative(&self) -> bool {
        matches!(self, Self::Command(CommandPath(path)) if !path.starts_with('/'))
    }

    /// The environment variable in which people keep the key of this service.
    pub fn key_variable(&self) -> Option<&'static str> {
        match self {
            Self::Model(service, _) => Some(service.key_variable()),
            Self::Command(_) => None,
        }
    }
}

impl Service {
    fn word(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
            Self::Ollama => "ollama",
        }
    }

    /// The environment variable in which people keep its key.
    pub fn key_variable(self) -> &'static str {
        match self {
            Self::OpenAi => "OPENAI_API_KEY",
            Self::Anthropic => "ANTHROPIC_API_KEY",
            Self::Ollama => "OLLAMA_API_KEY",
        }
    }

    /// Where it is, unless the user says otherwise.
    pub fn base_url(self) -> &'static str {
        match self {
            Self::OpenAi => "https://api.openai.com/v1",
            Self::Anthropic => "https://api.anthropic.com",
            Self::Ollama => "http://127.0.0.1:11434",
        }
    }
}

impl ModelName {
    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl CommandPath {
    /// Its path.
    pub fn as_path(&self) -> &Path {
        Path::new(&self.0)
    }
}

impl FromStr for Choice {
    type Err = ChoiceError;

    fn from_str(text: &str) -> Result<Self, ChoiceError> {
        let (word, name) = text.split_once(':').ok_or(ChoiceError::Unknown)?;
        let model = |service| Ok(Self::Model(service, ModelName(named(name)?)));
        match word {
            "openai" => model(Service::OpenAi),
            "anthropic" => model(Service::Anthropic),
            "ollama" => model(Service::Ollama),
            "command" => match named(name)? {
                path if path.contains('/') => Ok(Self::Command(CommandPath(path))),
                _ => Err(ChoiceError::Bare),
            },
            _ => Err(ChoiceError::Unknown),
        }
    }
}

/// A name that can stand on a terminal and in a record as it is.
fn named(name: &str) -> Result<String, ChoiceError> {
    match name {
        "" => Err(ChoiceError::Nameless),
        _ if name.len() > NAME_BYTES_MAX => Err(ChoiceError::TooLong),
        _ if name.trim() != name || printable(name) != name => Err(ChoiceError::Unprintable),
        _ => Ok(name.to_owned()),
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Model(service, name) => write!(f, "{}:{}", service.word(), name.0),
            Self::Command(path) => write!(f, "command:{}", path.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_choice_reads_as_it_was_written() {
        for text in [
            "openai:gpt-5",
            "openai:anthropic/claude-sonnet-4",
            "anthropic:claude-sonnet-4-5",
            "ollama:llama3.2:3b",
            "ollama:hf.co/someone/model:Q4_K_M",
            "command:./planner",
            "command:/opt/my planner/run",
        ] {
            assert_eq!(text.parse::<Choice>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_names_no_planner_is_refused() {
        for (text, why) in [
            ("", ChoiceError::Unknown),
            ("gpt-5", ChoiceError::Unknown),
            ("gemini:pro", ChoiceError::Unknown),
            ("OpenAI:gpt-5", ChoiceError::Unknown),
            ("openai:", ChoiceError::Nameless),
            ("command:", ChoiceError::Nameless),
            ("command:planner", ChoiceError::Bare),
            ("ollama: llama", ChoiceError::Unprintable),
            ("ollama:a\nb", ChoiceError::Unprintable),
            ("ollama:\u{1b}[2J", ChoiceError::Unprintable),
            ("command:/a\0b", ChoiceError::Unprintable),
            ("openai:\u{202e}tpg", ChoiceError::Unprintable),
        ] {
            assert_eq!(text.parse::<Choice>(), Err(why), "{text:?}");
        }
        assert_eq!(format!("openai:{}", "x".repeat(1025)).parse::<Choice>(), Err(ChoiceError::TooLong));
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_the_same(text in "(openai|anthropic|ollama|command):.{0,20}") {
            if let Ok(choice) = text.parse::<Choice>() {
                prop_assert_eq!(choice.to_string(), text);
            }
        }
    }
}
