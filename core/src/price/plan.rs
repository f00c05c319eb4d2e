//! The `price` section of the plan, as `enricher/price/compile.py` writes it. Columns are parallel arrays: a book has
//! some ten thousand rows, and arrays parse several times faster than objects.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Which figure wins when a cost was reported with the call (`prices.reported`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reported {
    /// The provider's own figure wins; an SDK's is recomputed where the book prices the model.
    #[default]
    Provider,
    /// Any reported figure wins.
    Always,
    /// No reported figure wins.
    Never,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PricePlan {
    pub reported: Reported,
    pub providers: Vec<ProviderPlan>,
    /// Model globs that name the provider when the span does not: (glob, index of provider).
    pub hints: Vec<(String, u16)>,
    pub naming: NamingPlan,
    pub models: ModelColumns,
    pub names: NameColumns,
    pub rows: RowColumns,
    /// How a row is named on a span: `provider/model@date`, parallel to `rows.model`.
    pub labels: Vec<String>,
    pub windows: Vec<WindowPlan>,
    pub modifiers: Vec<ModifierPlan>,
    pub aliases: Vec<AliasPlan>,
    /// Values that conditions may ask for, by dimension; a value's number is its index + 1.
    pub dimensions: DimensionPlan,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProviderPlan {
    pub id: String,
    /// What spans call it, in lower case; the first is the convention's enum value where there is one.
    pub names: Vec<String>,
    /// Providers whose models it resells at their list price, in order.
    pub fallbacks: Vec<u16>,
    /// Its model names carry the maker before a slash, so that a first segment never names another provider.
    pub slashed: bool,
    /// The request names a region that the response's model does not, so the request model is asked first.
    pub request_first: bool,
    /// Regions and data zones whose models the book lists as `region/model`.
    pub regions: Vec<String>,
    /// Globs of hosts of which a label is the region.
    pub region_hosts: Vec<String>,
    /// Whoever runs it pays for machines: no list has a price, and no other provider's price holds for its models.
    pub self_hosted: bool,
    /// As the first segment of a model's name it is a maker's name, which does not say who runs the model.
    pub maker: bool,
    /// Who serves, and bills, calls that clients of this provider's SDK send there.
    pub elsewhere: Vec<ElsewherePlan>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ElsewherePlan {
    /// Index of the provider that serves.
    pub provider: u16,
    /// Globs of hosts, and of names of models, that only it has.
    pub hosts: Vec<String>,
    pub models: Vec<String>,
}

/// How a model name may be shortened when the book does not know it as it stands.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NamingPlan {
    /// Leading parts that may be dropped: `us.`, `global.` …
    pub prefixes: Vec<String>,
    /// Trailing parts that may be dropped: `:online`, `-v1:0` …
    pub suffixes: Vec<String>,
    /// Trailing parts of a requested name that the response leaves out and that decide the price: `:free`.
    pub request_suffixes: Vec<String>,
    /// Segments of resource paths after which a place comes, and the host that serves it there, `*` for the place.
    pub paths: Vec<(String, String)>,
    /// How names begin that are paths of resources: what follows their last slash names the model.
    pub resources: Vec<String>,
}

/// `overrides` marks the models that a user wrote: they are asked before the book, and what they price is final.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ModelColumns {
    pub id: Vec<String>,
    /// Index of provider; `u16::MAX` for a user's model of any provider.
    pub provider: Vec<u16>,
    /// Index of the first user's model; all before are the book's.
    pub overrides_from: u32,
    /// (model, input tokens that one web search is billed as besides its fee).
    pub search_tokens: Vec<(u32, u32)>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NameColumns {
    /// A name in lower case, or a glob when it contains `*`.
    pub text: Vec<String>,
    pub model: Vec<u32>,
    /// Globs that a name must not match, by index of `text`.
    pub except: BTreeMap<u32, Vec<String>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RowColumns {
    pub model: Vec<u32>,
    /// Unit names, by index of `unit`.
    pub units: Vec<String>,
    pub unit: Vec<u8>,
    /// Pico-dollars for `per` units.
    pub price: Vec<u64>,
    pub per: Vec<u64>,
    /// Unix seconds; a row holds from `from` (0: ever since) until before `until` (0: no end).
    pub from: Vec<u64>,
    pub until: Vec<u64>,
    /// The row holds for requests of at least this many input tokens in all.
    pub min_input: Vec<u64>,
    /// The least quantity billed, in stored units; 0 for none.
    pub minimum: Vec<u64>,
    /// The greatest quantity billed, in stored units; 0 for no limit.
    pub maximum: Vec<u64>,
    /// Index + 1 into `windows`; 0 for any time.
    pub window: Vec<u16>,
    /// The remaining columns are values asked for, as numbers of `dimensions`; 0 for any.
    pub service_tier: Vec<u16>,
    pub batch: Vec<u16>,
    pub speed: Vec<u16>,
    pub inference_geo: Vec<u16>,
    pub search_context: Vec<u16>,
    pub tenant: Vec<u16>,
    /// 1 where nobody states that the row holds for what it asks for.
    pub assumed: Vec<u8>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WindowPlan {
    /// Days of the week it covers, Monday = bit 0.
    pub days: u8,
    /// (start, end) in seconds of the UTC day, end exclusive.
    pub spans: Vec<(u32, u32)>,
    /// Days since 1970-01-01 on which it does not hold.
    pub holidays: Vec<u32>,
    /// The last day since 1970-01-01 whose holidays are known; 0 when it makes no exception for any.
    pub known_until: u32,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ModifierPlan {
    /// Shown by `explain`.
    pub label: String,
    pub num: u64,
    pub den: u64,
    /// Pico-dollars off the list price of `off_per` units, before any factor; 0 for none.
    pub off: u64,
    pub off_per: u64,
    /// Models it applies to.
    pub models: Vec<u32>,
    /// Index of the provider that the span must name; any when absent.
    pub provider: Option<u16>,
    /// Unit names it applies to; all when empty.
    pub units: Vec<String>,
    pub from: u64,
    pub until: u64,
    /// Globs for `server.address`; any when empty.
    pub hosts: Vec<String>,
    pub except_hosts: Vec<String>,
    pub service_tier: u16,
    pub batch: u16,
    pub speed: u16,
    pub inference_geo: u16,
    pub search_context: u16,
    pub tenant: u16,
    /// Only for lines whose row does not already answer the condition (a rule of thumb where the list has no rate).
    pub fallback: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AliasPlan {
    /// What the span says, in lower case.
    pub name: String,
    /// The model to price instead, in lower case, and the index of its provider; the span's own when absent or empty.
    pub model: String,
    pub model_provider: Option<u16>,
    /// Index of the provider that the span must name; any when absent.
    pub provider: Option<u16>,
    /// Glob for `server.address`; any when empty.
    pub host: String,
    /// The region or data zone that serves the call, whatever else the span says; as the span says when empty.
    pub region: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DimensionPlan {
    /// (what the span says in lower case, number of the value); several spellings may share a number.
    pub service_tier: Vec<(String, u16)>,
    pub speed: Vec<(String, u16)>,
    pub inference_geo: Vec<(String, u16)>,
    pub search_context: Vec<(String, u16)>,
    pub tenant: Vec<(String, u16)>,
    /// Tiers that mean a batch was processed, in lower case.
    pub batch_tiers: Vec<String>,
    /// Words for tiers, speeds and places that mean the standard one.
    pub standard: Vec<String>,
}

impl PricePlan {
    /// Every index must point at something, so that the tables need no checks when a call is priced.
    pub fn check(&self) -> Result<(), String> {
        let models = self.models.id.len();
        if self.models.provider.len() != models || self.names.model.len() != self.names.text.len() {
            return Err("price columns of unequal length".to_owned());
        }
        if self.labels.len() != self.rows.model.len() {
            return Err("a price row without a label".to_owned());
        }
        let of_models = self.models.provider.iter().filter(|id| **id != u16::MAX);
        let of_fallbacks = self.providers.iter().flat_map(|provider| &provider.fallbacks);
        let of_elsewhere = self.providers.iter().flat_map(|provider| &provider.elsewhere).map(|there| &there.provider);
        let of_hints = self.hints.iter().map(|(_, id)| id);
        let of_aliases = self.aliases.iter().flat_map(|alias| alias.provider.iter().chain(&alias.model_provider));
        let of_modifiers = self.modifiers.iter().flat_map(|modifier| &modifier.provider);
        let mut providers =
            of_models.chain(of_fallbacks).chain(of_elsewhere).chain(of_hints).chain(of_aliases).chain(of_modifiers);
        if providers.any(|id| usize::from(*id) >= self.providers.len()) {
            return Err("a price names no provider".to_owned());
        }
        if self.names.model.iter().any(|model| *model as usize >= models) {
            return Err("a model name without a model".to_owned());
        }
        Ok(())
    }
}
