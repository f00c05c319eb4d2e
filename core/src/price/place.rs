//! Where a call went: its host in plain form, and the region that its provider's list may have prices of its own for.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::glob;
use super::names::Spellings;
use super::plan::{ModelColumns, NamingPlan, PricePlan, ProviderPlan};
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

/// Places in the paths of resources: `projects/p/locations/us-east5/publishers/anthropic/models/claude-sonnet-4-5`.
pub struct Paths {
    all: Vec<Path>,
}

struct Path {
    /// The segment before the place, with its slashes.
    segment: Box<[u8]>,
    /// What comes before and after the place in the host that serves it.
    head: Box<str>,
    tail: Box<str>,
}

impl Paths {
    pub fn compile(plan: &NamingPlan) -> Result<Paths, String> {
        let split = |(segment, host): &(String, String)| {
            let (head, tail) = host.split_once('*').ok_or_else(|| format!("the host {host:?} has no `*`"))?;
            let segment = format!("/{segment}/").into_bytes().into();
            Ok(Path { segment, head: head.into(), tail: tail.into() })
        };
        Ok(Paths { all: plan.paths.iter().map(split).collect::<Result<_, String>>()? })
    }

    /// Calls `then` with the host that serves the place in one of the names, which is where the resource that is billed
    /// lies; with the host of the call, which may be that of a proxy, when none says a place.
    #[inline]
    pub fn with_host<R>(&self, models: [&str; 2], host: &str, then: impl FnOnce(&str) -> R) -> R {
        for Path { segment, head, tail } in &self.all {
            let Some(place) = models.into_iter().find_map(|model| after(model, segment)) else { continue };
            let mut buffer = [0; HOST_MAX];
            let mut length = 0;
            for part in [head.as_bytes(), place, tail.as_bytes()] {
                let Some(room) = buffer.get_mut(length..length + part.len()) else { return then(host) };
                room.copy_from_slice(part);
                length += part.len();
            }
            buffer.make_ascii_lowercase();
            return then(std::str::from_utf8(&buffer[..length]).unwrap_or(host));
        }
        then(host)
    }
}

/// The segment that comes after one in a path.
fn after<'a>(name: &'a str, segment: &[u8]) -> Option<&'a [u8]> {
    // Most names are too short for a path, and have no slash.
    let first = memchr::memchr(b'/', name.as_bytes())?;
    let rest = &name.as_bytes()[first..];
    let at = memchr::memmem::find(rest, segment)? + segment.len();
    let place = rest[at..].split(|byte| *byte == b'/').next()?;
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
    (!place.is_empty() && place.iter().all(plain)).then_some(place)
}

fn hosts_of(provider: &ProviderPlan) -> Vec<Box<str>> {
    provider.region_hosts.iter().map(|glob| glob.as_str().into()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_say_the_place() {
        let plan = NamingPlan { paths: vec![("locations".into(), "*-ai.example.com".into())], ..NamingPlan::default() };
        let paths = Paths::compile(&plan).unwrap();
        for (name, want) in [
            ("projects/p/locations/us-east5/publishers/a/models/m", "us-east5-ai.example.com"),
            ("vertex_ai/projects/p/locations/Global/models/m", "global-ai.example.com"),
            ("projects/p/locations/eu", "eu-ai.example.com"),
            ("projects/p/locations//models/m", "proxy"),
            ("projects/p/locations/{region}/models/m", "proxy"),
            ("locations/eu/m", "proxy"),
            ("openai/gpt-4o", "proxy"),
            ("m", "proxy"),
        ] {
            assert_eq!(paths.with_host([name, ""], "proxy", str::to_owned), want, "{name}");
            assert_eq!(paths.with_host(["m", name], "proxy", str::to_owned), want, "{name}");
        }
        let long = format!("projects/p/locations/{}/m", "a".repeat(HOST_MAX));
        assert_eq!(paths.with_host([&long, ""], "proxy", str::to_owned), "proxy");
        assert!(Paths::compile(&NamingPlan { paths: vec![("a".into(), "b".into())], ..plan }).is_err());
    }

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
