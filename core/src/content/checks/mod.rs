//! What a regular expression cannot tell: whether digits check, whether an address is one, where a match ends. Texts are
//! those of a `View`: without escapes, digits and blanks in ASCII.

mod addresses;
pub mod edges;
mod numbers;
mod secrets;

use std::collections::BTreeMap;
use std::ops::Range;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    Email,
    Card,
    Iban,
    Ipv4,
    Ipv6,
    PhoneInternational,
    PhoneNational,
    /// A number beside a word that tells it, in whatever groups.
    PhoneTold,
    /// Letters and digits in a mixture, as keys are, and neither words nor names of a program.
    Key,
    /// Letters and digits in a mixture of any length, as passwords are and the words of a sentence are not.
    Password,
    /// What is assigned to a password and has no digit: neither an expression of a program nor the beginning of a sentence.
    PasswordWord,
    /// `user:password` in base64 (RFC 7617).
    Basic,
    /// `name=value; …` with a value that is a key.
    Cookie,
}

impl Check {
    pub fn from_name(name: &str) -> Result<Self, String> {
        Ok(match name {
            "email" => Self::Email,
            "card" => Self::Card,
            "iban" => Self::Iban,
            "ipv4" => Self::Ipv4,
            "ipv6" => Self::Ipv6,
            "phone_international" => Self::PhoneInternational,
            "phone_national" => Self::PhoneNational,
            "phone_told" => Self::PhoneTold,
            "key" => Self::Key,
            "password" => Self::Password,
            "password_word" => Self::PasswordWord,
            "basic" => Self::Basic,
            "cookie" => Self::Cookie,
            _ => return Err(format!("unknown check {name:?}")),
        })
    }

    /// What is to be replaced, given where the regular expression matched; `None` when it is not what it looks like.
    pub fn apply(self, text: &str, at: Range<usize>, ibans: &BTreeMap<String, usize>) -> Option<Range<usize>> {
        match self {
            Self::Email => addresses::email(text, at),
            Self::Card => numbers::card(text, at.start),
            Self::Iban => numbers::iban(text, at.start, ibans),
            Self::Ipv4 => addresses::ipv4(text, at),
            Self::Ipv6 => addresses::ipv6(text, at),
            Self::PhoneInternational => numbers::phone_international(text, at),
            Self::PhoneNational => numbers::phone_national(text, at),
            Self::PhoneTold => numbers::phone_told(text, at),
            Self::Key => secrets::key(text, at),
            Self::Password => secrets::password(text, at),
            Self::PasswordWord => secrets::password_word(text, at),
            Self::Basic => secrets::is_credentials(&text.as_bytes()[at.clone()]).then_some(at),
            Self::Cookie => secrets::cookie(text, at),
        }
    }
}
