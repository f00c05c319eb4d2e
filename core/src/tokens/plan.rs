//! The plan's section `estimate`, as `enricher/tokens/compile.py` writes it. Absent: nothing is estimated.

use crate::normalize::plan::Match;
use serde::Deserialize;

#[derive(Deserialize, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct EstimatePlan {
    #[serde(default)]
    pub vocabularies: Vec<VocabularyPlan>,
    /// First match wins; models in lower case, without what stands before a `/`.
    #[serde(default)]
    pub models: Vec<ModelRule>,
    /// Groups of keys that hold the same text in another form: the first group that a span has is read.
    #[serde(default)]
    pub input: Vec<Vec<String>>,
    #[serde(default)]
    pub output: Vec<Vec<String>>,
    /// Keys of what is added to the input, whichever group it came from: groups as above.
    #[serde(default)]
    pub system: Vec<Vec<String>>,
    #[serde(default)]
    pub tools: Vec<Vec<String>>,
    /// Names in JSON whose text is not shown to the model.
    #[serde(default)]
    pub silent: Vec<String>,
    /// Names in JSON whose objects a model reads as they stand: arguments and results of tools.
    #[serde(default)]
    pub verbatim: Vec<String>,
    /// Names in JSON of what a model is shown but this text does not hold: pictures, sounds, files.
    #[serde(default)]
    pub unseen: Vec<String>,
    /// Values of `type` in JSON that say the same.
    #[serde(default)]
    pub unseen_types: Vec<String>,
    /// Names, in JSON or as a part of a key, of calls of tools, whose definitions are input too.
    #[serde(default)]
    pub tool_calls: Vec<String>,
    /// Texts that stand where text was taken out or cut off.
    #[serde(default)]
    pub marks: Vec<String>,
    /// Lengths that exporters cut attributes to, in characters: a text of exactly this length is taken to be cut.
    #[serde(default)]
    pub cut_lengths: Vec<usize>,
    /// Finish reasons of complete answers, in lower case.
    #[serde(default)]
    pub finished: Vec<String>,
    /// Operations whose calls are estimated.
    #[serde(default)]
    pub operations: Vec<String>,
    /// Bytes of text of one call that are counted; of longer text the rest is counted in proportion.
    #[serde(default)]
    pub call_bytes: usize,
    /// Bytes of text that are counted in one tick; beyond, calls go without an estimate.
    #[serde(default)]
    pub tick_bytes: usize,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct VocabularyPlan {
    pub name: String,
    /// A file: zlib, then for each token in order of rank its length (varint) and bytes.
    pub path: String,
    /// Expressions that cut a text one after the other.
    pub split: Vec<String>,
    /// Tokens around each message and before the answer.
    pub per_message: i64,
    pub per_request: i64,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct ModelRule {
    #[serde(rename = "match")]
    pub pattern: Match,
    /// None: these models think in tokens that no content shows.
    #[serde(default)]
    pub vocabulary: Option<String>,
}
