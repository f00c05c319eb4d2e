//! Where a call went: its host in plain form, and the region that its provider's list may have prices of its own for.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::glob;
use super::names::Spellings;
use super::plan::{ModelColumns, PricePlan, ProviderPlan};
use crate::normalize::transform;

/// The longest name of a host (RFC 1035); what is longer is compared as it is.
const HOST_MAX: usize = 253;

/// Calls `then` with a host as it is compared: without scheme, port, path and the root's dot, in lower case. Spans say
/// `api.openai.com`, but also `EU.api.openai.com:443` and `https://api.openai.com/v1`.
#[inline]
pub fn with_host<R>(said: &str, then: impl FnOnce(&str) -> R) -> R {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.';
    if said.bytes().all(plain) && !said.ends_with('.') {
        return then(said);
    }
    let host = transform::host(said.as_bytes());
    let host = host.strip_suffix(b".").unwrap_or(host);
    let mut lower = [0; HOST_MAX];
    let host = match lower.get_mut(..host.len()) {
        Some(lower) => {
            lower.copy_from_slice(host);
            lower.make_ascii_lowercase();
            &*lower
        }
        None => host,
    };
    then(std::str::from_utf8(host).unwrap_or(said))
}

/// Number of a region, from 1 in the order of the plan; 0 for none.
pub type Region = u16;

/// Indices of models.
pub type ByName = HashMap<Box<[u8]>, u32, FixedState>;

/// The regions that providers have prices of their own for.
pub struct Regions {
    numbers: HashMap<Box<str>, Region, FixedState>,
    names: Vec<Box<str>>,
    /// Globs by index of provider.
    hosts: Vec<Vec<Box<str>>>,
    /// Models by the name that they have there, of each provider's index and region.
    models: HashMap<(u16, Region), ByName, FixedState>,
}

impl Regions {
    pub fn compile(plan: &PricePlan) -> Result<Regions, String> {
        let mut this = Regions {
            numbers: HashMap::with_hasher(FixedState::default()),
            names: Vec::new(),
            hosts: plan.providers.iter().map(hosts_of).collect(),
            models: HashMap::with_hasher(FixedState::default()),
        };
        for region in plan.providers.iter().flat_map(|provider| &provider.regions) {
            let next = Region::try_from(this.names.len() + 1).map_err(|_| "more than 65535 price regions")?;
            let number = *this.numbers.entry(region.as_str().into()).or_insert(next);
            if number == next {
                this.names.push(region.as_str().into());
            }
        }
        let of_book = plan.names.text.iter().zip(&plan.names.model);
        for (text, model) in of_book.filter(|(_, model)| **model < plan.models.overrides_from) {
            let ModelColumns { provider, .. } = &plan.models;
            let owner = provider[*model as usize];
            let Some((first, rest)) = text.split_once('/') else { continue };
            let known = plan.providers.get(usize::from(owner)).is_some_and(|p| p.regions.iter().any(|r| r == first));
            if known && !rest.contains('*') {
                let there = this.models.entry((owner, this.numbers[first])).or_default();
                there.entry(rest.as_bytes().into()).or_insert(*model);
            }
        }
        Ok(this)
    }

    /// The number of a region by its name; 0 for one that no list knows.
    pub fn number(&self, name: &str) -> Region {
        self.numbers.get(name).copied().unwrap_or(0)
    }

    /// The region of a call: the one in an ARN among its model names, which is where the resource that is billed lies,
    /// else the one in the host, which may be that of a proxy.
    #[inline]
    pub fn of(&self, provider: Option<u16>, models: [&str; 2], host: &str) -> Region {
        if self.names.is_empty() {
            return 0;
        }
        let named = models.into_iter().map(|model| self.in_arn(model)).find(|region| *region != 0);
        named.unwrap_or_else(|| provider.map_or(0, |provider| self.in_host(provider, host)))
    }

    /// `arn:partition:service:region:…`
    fn in_arn(&self, model: &str) -> Region {
        let model = model.trim_ascii();
        if !model.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("arn:")) {
            return 0;
        }
        model.split(':').nth(3).map_or(0, |region| self.number(region))
    }

    /// The label that is a region's name, in a host that the provider's regions go by.
    fn in_host(&self, provider: u16, host: &str) -> Region {
        let globs = &self.hosts[usize::from(provider)];
        if !globs.iter().any(|glob| glob::matches(glob.as_bytes(), host.as_bytes())) {
            return 0;
        }
        host.split('.').map(|label| self.number(label)).find(|region| *region != 0).unwrap_or(0)
    }

    /// Does the name itself say a region, as in `bedrock/eu-west-3/mistral.mixtral-8x7b`?
    pub fn names_one(&self, spellings: &Spellings) -> bool {
        let raw = std::str::from_utf8(spellings.raw()).unwrap_or("");
        raw.rsplit('/').skip(1).any(|segment| self.number(segment) != 0)
    }

    /// The provider's models in the region by their names there; None when it has none.
    pub fn models(&self, provider: u16, region: Region) -> Option<&ByName> {
        self.models.get(&(provider, region))
    }
}

fn hosts_of(provider: &ProviderPlan) -> Vec<Box<str>> {
    provider.region_hosts.iter().map(|glob| glob.as_str().into()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_compared_without_scheme_port_path_dot_and_case() {
        for (said, want) in [
            ("", ""),
            ("api.openai.com", "api.openai.com"),
            ("eu.api.openai.com:443", "eu.api.openai.com"),
            ("EU.api.OpenAI.com", "eu.api.openai.com"),
            ("eu.api.openai.com.", "eu.api.openai.com"),
            ("https://EU.api.openai.com:8443/v1/chat?x=1", "eu.api.openai.com"),
            ("http://user:pw@eu.api.openai.com./v1", "eu.api.openai.com"),
            (" eu.api.openai.com ", "eu.api.openai.com"),
            ("[::1]:8080", "[::1]"),
            ("https://", ""),
            (".", ""),
        ] {
            assert_eq!(with_host(said, str::to_owned), want, "{said}");
        }
        let long = "A".repeat(HOST_MAX + 1);
        assert_eq!(with_host(&long, str::to_owned), long);
    }
}
