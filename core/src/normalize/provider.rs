//! Who ran the model: value clean-up, then host, then scope and dialect, then model id. Framework names are nobody.

use super::conclusion;
use super::patterns::{Matcher, compiled, first};
use super::plan::{Inclusion, NormalizePlan, Reasoning};
use super::scratch::Scratch;
use super::transform::{host, path};
use crate::concept::Concept;
use crate::facts::{Facts, Val};
use bumpalo::Bump;
use hashbrown::{HashMap, HashSet};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// What is known of a provider's own API.
#[derive(Debug)]
pub struct Provider {
    pub name: Box<str>,
    pub cached: Inclusion,
    pub returns_total: bool,
    pub reasoning: Reasoning,
    compatible: bool,
    vague: bool,
}

/// What a host says.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HostFacts {
    pub provider: Option<u16>,
    /// Index into `gateways`.
    gateway: Option<u16>,
    /// Index into `paths`.
    path: Option<u16>,
}

pub struct Providers {
    pub list: Vec<Provider>,
    aliases: HashMap<Box<str>, u16>,
    nobody: HashSet<Box<str>>,
    hosts: Vec<(Matcher, HostFacts)>,
    gateways: Vec<Box<str>>,
    /// What finds the name of the provider in a URL's path.
    paths: Vec<regex::Regex>,
    ports: BTreeMap<u16, u16>,
    scopes: Vec<(Matcher, Option<u16>)>,
    models: Vec<(Matcher, u16)>,
    suffixes: Vec<Box<str>>,
    /// Provider, its models, their maker.
    counts_as: Vec<(u16, Matcher, u16)>,
}

/// What a value in a provider attribute means.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Named {
    Known(u16),
    /// A framework, or a word for nothing.
    Nobody,
    /// A name that the tables lack: somebody's own provider.
    Custom,
}

impl Providers {
    pub fn compile(plan: &NormalizePlan) -> Result<Self, String> {
        let section = &plan.providers;
        let mut providers = Self {
            list: Vec::new(),
            aliases: HashMap::new(),
            nobody: section.not_providers.iter().map(|n| folded(n).into()).collect(),
            hosts: Vec::new(),
            gateways: Vec::new(),
            paths: Vec::new(),
            ports: BTreeMap::new(),
            scopes: Vec::new(),
            models: Vec::new(),
            suffixes: section.suffixes.iter().map(|suffix| suffix.as_str().into()).collect(),
            counts_as: Vec::new(),
        };
        for entry in &section.list {
            let index = providers.list.len() as u16;
            providers.list.push(Provider {
                name: entry.name.as_str().into(),
                cached: entry.cached,
                returns_total: entry.returns_total,
                reasoning: entry.reasoning,
                compatible: section.compatible.contains(&entry.name),
                vague: section.vague.contains(&entry.name),
            });
            for alias in std::iter::once(&entry.name).chain(&entry.aliases) {
                providers.aliases.entry(folded(alias).into()).or_insert(index);
            }
        }
        for rule in &section.hosts {
            let provider = rule.provider.as_deref().map(|name| providers.index(name)).transpose()?;
            let gateway = rule.gateway.as_deref().map(|name| providers.gateway(name));
            let path = rule.path.as_deref().map(|pattern| providers.path(pattern)).transpose()?;
            providers.hosts.push((Matcher::new(&rule.pattern)?, HostFacts { provider, gateway, path }));
        }
        for (port, name) in &section.ports {
            let index = providers.index(name)?;
            providers.ports.insert(*port, index);
        }
        for rule in &section.scopes {
            let index = rule.provider.as_deref().map(|name| providers.index(name)).transpose()?;
            providers.scopes.push((Matcher::new(&rule.pattern)?, index));
        }
        for rule in &section.models {
            let index = providers.index(&rule.provider)?;
            providers.models.push((Matcher::new(&rule.pattern)?, index));
        }
        for rule in &section.counts_as {
            let of = |name| providers.index(name);
            let rule = (of(&rule.provider)?, Matcher::new(&rule.pattern)?, of(&rule.maker)?);
            providers.counts_as.push(rule);
        }
        Ok(providers)
    }

    /// Whose way of counting the usage follows.
    pub fn counts_as(&self, provider: u16, facts: &Facts<'_>) -> u16 {
        let mut rules = self.counts_as.iter().filter(|(of, _, _)| *of == provider).peekable();
        if rules.peek().is_none() {
            return provider;
        }
        let models = [Concept::ResponseModel, Concept::RequestModel].map(|concept| facts.text(concept));
        let models = models.map(|model| model.unwrap_or_default().to_lowercase());
        rules
            .find(|(_, matcher, _)| models.iter().any(|model| matcher.matches(model)))
            .map_or(provider, |(_, _, maker)| *maker)
    }

    /// The provider of that official name.
    pub fn index(&self, name: &str) -> Result<u16, String> {
        self.list
            .iter()
            .position(|provider| *provider.name == *name)
            .map(|index| index as u16)
            .ok_or_else(|| format!("{name:?} is not in the list of providers"))
    }

    fn gateway(&mut self, name: &str) -> u16 {
        let found = self.gateways.iter().position(|known| **known == *name);
        found.unwrap_or_else(|| {
            self.gateways.push(name.into());
            self.gateways.len() - 1
        }) as u16
    }

    fn path(&mut self, pattern: &str) -> Result<u16, String> {
        let path = compiled(pattern)?;
        if path.captures_len() < 2 {
            return Err(format!("{pattern:?} has no group for the provider"));
        }
        self.paths.push(path);
        Ok((self.paths.len() - 1) as u16)
    }

    pub fn name(&self, index: u16) -> &str {
        &self.list[usize::from(index)].name
    }

    /// The provider that a scope's name points to.
    pub fn of_scope(&self, name: &[u8]) -> Option<u16> {
        let name = std::str::from_utf8(name).ok()?.to_ascii_lowercase();
        first(&self.scopes, &name).copied().flatten()
    }

    fn of_value(&self, text: &str) -> Named {
        let text = folded(text);
        let mut rest = &*text;
        loop {
            if let Some(index) = self.aliases.get(rest) {
                return Named::Known(*index);
            }
            if self.nobody.contains(rest) {
                return Named::Nobody;
            }
            // AI SDK providers: `mistral.chat`, `google.vertex.anthropic.messages`.
            match rest.rsplit_once('.') {
                Some((head, _)) => rest = head,
                None => return Named::Custom,
            }
        }
    }

    /// The name of a provider that no table knows, without what a library appended.
    fn plain<'a>(&self, text: &'a str) -> &'a str {
        let lower = text.to_ascii_lowercase();
        let suffix = self.suffixes.iter().find(|suffix| lower.len() > suffix.len() && lower.ends_with(&***suffix));
        &text[..text.len() - suffix.map_or(0, |suffix| suffix.len())]
    }

    fn of_host(&self, facts: &Facts<'_>, scratch: &mut Scratch) -> HostFacts {
        let Some(address) = facts.text(Concept::ServerAddress) else {
            return HostFacts::default();
        };
        if let Some(known) = scratch.hosts.get(address) {
            return known;
        }
        let name = std::str::from_utf8(host(address.as_bytes())).unwrap_or_default();
        // A name that DNS need not complete ends in a dot.
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        if is_loopback(&name) {
            // Says nothing without its port, which the cache does not know.
            let written = || address.rsplit(':').next()?.split('/').next()?.parse().ok();
            let port = facts.int(Concept::ServerPort).or_else(written);
            let provider = port.and_then(|port| self.ports.get(&u16::try_from(port).ok()?).copied());
            return HostFacts { provider, ..HostFacts::default() };
        }
        let found = first(&self.hosts, &name).copied().unwrap_or_default();
        scratch.hosts.put(address, found);
        found
    }

    /// The provider that a gateway's URL names.
    fn of_path(&self, pattern: u16, facts: &Facts<'_>) -> Option<u16> {
        let [own, address, told] =
            [Concept::ServerPath, Concept::ServerAddress, Concept::Provider].map(|concept| facts.text(concept));
        let written =
            |text: &'_ str| path(text.as_bytes()).and_then(|path| std::str::from_utf8(path).ok().map(str::to_owned));
        [own, address, told].into_iter().flatten().filter_map(written).find_map(|path| {
            let name = self.paths[usize::from(pattern)].captures(&path)?.get(1)?;
            match self.of_value(name.as_str()) {
                Named::Known(index) => Some(index),
                Named::Nobody | Named::Custom => None,
            }
        })
    }

    /// What a text in a provider's place says that is an address: `api.openai.com`, `127.0.0.1:4000`.
    fn of_address(&self, text: &str) -> Option<HostFacts> {
        let name = std::str::from_utf8(host(text.as_bytes())).ok()?.to_ascii_lowercase();
        if is_loopback(&name) || name.parse::<std::net::IpAddr>().is_ok() {
            return Some(HostFacts::default());
        }
        first(&self.hosts, &name).copied().filter(|_| name.contains('.'))
    }

    fn of_model(&self, facts: &Facts<'_>, scratch: &mut Scratch) -> Option<u16> {
        for concept in [Concept::RequestModel, Concept::ResponseModel] {
            let Some(model) = facts.text(concept) else {
                continue;
            };
            let found = match scratch.models.get(model) {
                Some(known) => known,
                None => {
                    let found = first(&self.models, &model.to_lowercase()).copied();
                    scratch.models.put(model, found);
                    found
                }
            };
            if found.is_some() {
                return found;
            }
        }
        None
    }

    /// Sets provider and gateway. `scope` and `dialect` are the providers these point to.
    pub fn conclude<'a>(
        &'a self,
        facts: &mut Facts<'a>,
        scope: Option<u16>,
        dialect: Option<u16>,
        scratch: &mut Scratch,
    ) -> Option<u16> {
        let told = facts.text(Concept::Provider);
        let mut named = told.map_or(Named::Nobody, |text| self.of_value(text));
        let mut named_host = None;
        if named == Named::Custom {
            // Some write the address of the API.
            let told = told?;
            let Some(host) = self.of_address(told) else {
                let (name, rule) = (self.plain(told), facts.rule(Concept::Provider));
                facts.set(Concept::Provider, Val::Str(name), rule);
                return None;
            };
            named_host = Some(host);
            named = Named::Nobody;
        }
        if let Named::Known(index) = named
            && !self.list[usize::from(index)].compatible
        {
            return Some(self.state(facts, index));
        }
        let host = named_host.filter(|host| *host != HostFacts::default());
        let host = host.unwrap_or_else(|| self.of_host(facts, scratch));
        if let Some(gateway) = host.gateway
            && !facts.has(Concept::Gateway)
        {
            let name = &self.gateways[usize::from(gateway)];
            facts.set(Concept::Gateway, Val::Str(name), conclusion::HOST);
        }
        let by_host = host.provider.or_else(|| self.of_path(host.path?, facts));
        let (index, why) = match (named, by_host) {
            // What answers behind a gateway, the model tells better than a client that speaks to many.
            (Named::Known(index), None) => {
                let vague = host.gateway.filter(|_| self.list[usize::from(index)].vague);
                let model = vague.and_then(|_| self.of_model(facts, scratch)).filter(|model| *model != index);
                match model {
                    Some(model) => (model, conclusion::MODEL),
                    None => return Some(self.state(facts, index)),
                }
            }
            (Named::Known(index), Some(host)) if host == index => {
                return Some(self.state(facts, index));
            }
            (_, Some(host)) => (host, conclusion::HOST),
            _ => {
                let found = dialect
                    .map(|index| (index, conclusion::DIALECT))
                    .or_else(|| scope.map(|index| (index, conclusion::SCOPE)))
                    .or_else(|| self.of_model(facts, scratch).map(|index| (index, conclusion::MODEL)));
                match found {
                    Some(found) => found,
                    None => {
                        facts.unset(Concept::Provider);
                        return None;
                    }
                }
            }
        };
        facts.set(Concept::Provider, Val::Str(self.name(index)), why);
        facts.inferred.insert(Concept::Provider);
        Some(index)
    }

    /// The official name in place of what the span says.
    fn state<'a>(&'a self, facts: &mut Facts<'a>, index: u16) -> u16 {
        let name = self.name(index);
        if facts.text(Concept::Provider) != Some(name) {
            let rule = facts.rule(Concept::Provider);
            facts.set(Concept::Provider, Val::Str(name), rule);
        }
        index
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host == "127.0.0.1" || host == "[::1]" || host == "::1"
}

/// Names in one spelling: lower case, `-` for `_` and spaces.
fn folded(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase() || byte == b'_' || byte == b' ') {
        Cow::Owned(text.to_ascii_lowercase().replace(['_', ' '], "-"))
    } else {
        Cow::Borrowed(text)
    }
}

/// ASCII lower case, in the arena when something had to change.
pub fn lowered<'a>(text: &'a str, arena: &'a Bump) -> &'a str {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        let copy = arena.alloc_str(text);
        copy.make_ascii_lowercase();
        copy
    } else {
        text
    }
}
