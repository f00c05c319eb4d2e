//! From what a call says about its provider and model to the models whose prices apply.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::PriceInput;
use super::explain::Matched;
use super::glob;
use super::lines::Models;
use super::names::{Naming, Spellings};
use super::place::{Region, Regions};
use super::plan::{ElsewherePlan, ModelColumns, PricePlan, ProviderPlan};
use super::recent::Recent;
use super::table::{ANY, Chain, Entry, Found, NameTable};

/// The user's name for a model, valid for one provider or host or for all.
struct Alias {
    model: Box<str>,
    model_provider: Option<u16>,
    provider: Option<u16>,
    host: Box<str>,
    region: Region,
}

/// Every table that a name goes through.
pub struct Finder {
    providers: Vec<ProviderPlan>,
    provider_names: HashMap<Box<str>, u16, FixedState>,
    hints: NameTable,
    naming: Naming,
    models: ModelColumns,
    names: NameTable,
    own_names: NameTable,
    aliases: HashMap<Box<str>, Vec<Alias>, FixedState>,
    regions: Regions,
    /// By one name of a model, and by all that a call says.
    recent: Recent,
    resolved: Recent,
}

/// What goes by one name: indices of models, and the first provider that was asked when something was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LookedUp {
    pub own: Option<u32>,
    pub book: Option<u32>,
    pub first: Option<u16>,
}

/// The models found for a call, and by which of its names.
pub struct Resolved {
    pub models: Models,
    /// As the span says, or whose models it was found among.
    pub provider: Option<u16>,
    pub matched: Option<Matched>,
}

/// One of the call's model names, after the user's aliases.
#[derive(Clone, Copy)]
struct Candidate<'a> {
    source: &'static str,
    name: &'a str,
    provider: Option<u16>,
    /// Who serves it, where that is not the provider that the span names.
    served: Option<u16>,
    alias: bool,
    /// What the alias states; 0 for nothing.
    region: Region,
}

impl Finder {
    pub fn compile(plan: &PricePlan) -> Result<Finder, String> {
        let mut provider_names = HashMap::with_hasher(FixedState::default());
        for (index, provider) in plan.providers.iter().enumerate() {
            for name in &provider.names {
                provider_names.entry(name.as_str().into()).or_insert(index as u16);
            }
        }
        let regions = Regions::compile(plan)?;
        let mut aliases: HashMap<Box<str>, Vec<Alias>, FixedState> = HashMap::with_hasher(FixedState::default());
        for alias in &plan.aliases {
            aliases.entry(alias.name.as_str().into()).or_default().push(Alias {
                model: alias.model.as_str().into(),
                model_provider: alias.model_provider,
                provider: alias.provider,
                host: alias.host.as_str().into(),
                region: regions.number(&alias.region),
            });
        }
        Ok(Finder {
            providers: plan.providers.clone(),
            provider_names,
            hints: NameTable::compile(plan.hints.iter().map(|(text, provider)| Entry {
                text,
                except: &[],
                provider: ANY,
                model: u32::from(*provider),
            }))?,
            naming: Naming::compile(&plan.naming)?,
            models: plan.models.clone(),
            names: NameTable::compile(entries(plan, false))?,
            own_names: NameTable::compile(entries(plan, true))?,
            aliases,
            regions,
            recent: Recent::new(),
            resolved: Recent::new(),
        })
    }

    fn model_label(&self, model: Option<u32>) -> String {
        model.map_or_else(String::new, |model| {
            let id = &self.models.id[model as usize];
            match self.providers.get(usize::from(self.models.provider[model as usize])) {
                Some(provider) => format!("{}/{id}", provider.id),
                None => id.clone(),
            }
        })
    }

    /// The models for a call to a host. `explain` says how they were found as well, at the price of another search.
    pub fn resolve(&self, input: &PriceInput<'_>, host: &str, explain: bool) -> Resolved {
        if explain {
            return self.work_out(input, host, true);
        }
        let said = [input.provider, input.response_model, input.request_model, host];
        let LookedUp { own, book, first } = self.resolved.get(said, 0, || {
            let Resolved { models, provider, .. } = self.work_out(input, host, false);
            LookedUp { own: models.own, book: models.book, first: provider }
        });
        Resolved { models: Models { own, book }, provider: first, matched: None }
    }

    /// From provider, both models and host, and nothing else of the call.
    fn work_out(&self, input: &PriceInput<'_>, host: &str, explain: bool) -> Resolved {
        let provider = self.provider(input.provider);
        let mut names = [("response_model", input.response_model), ("request_model", input.request_model)];
        let served = provider.and_then(|id| self.elsewhere(id, names.map(|(_, name)| name), host));
        let request_first = served.or(provider).is_some_and(|id| self.providers[usize::from(id)].request_first);
        if request_first || self.naming.names_variant(input.request_model, input.response_model) {
            names.reverse();
        }
        if names[0].1 == names[1].1 {
            names[1].1 = "";
        }
        let candidates = names.map(|(source, name)| {
            let said = Candidate { source, name, provider, served, alias: false, region: 0 };
            if self.aliases.is_empty() { said } else { self.alias(said, host) }
        });
        let stated = candidates.iter().map(|candidate| candidate.region).find(|region| *region != 0);
        let region = stated.unwrap_or_else(|| self.regions.of(served.or(provider), names.map(|(_, name)| name), host));
        let mut models = Models { own: None, book: None };
        let mut billed_by = provider;
        let mut matched = None;
        for candidate in candidates {
            let complete = models.book.is_some() && (models.own.is_some() || self.own_names.is_empty());
            if candidate.name.is_empty() || complete {
                continue;
            }
            let key = [candidate.provider.unwrap_or(ANY), candidate.served.unwrap_or(ANY), region]
                .into_iter()
                .fold(0, |key, part| key << 16 | u64::from(part));
            let search = |spellings: &mut Spellings| self.search(spellings, &candidate, region);
            // Nobody but a user has prices for a whole path, and an unknown provider is told by it.
            let whole = !self.own_names.is_empty() || candidate.provider.is_none();
            let name = if whole { candidate.name } else { self.naming.model_of(candidate.name) };
            let found = self.recent.get([name, "", "", ""], key, || search(&mut Spellings::new(name)).0);
            if explain && matched.is_none() {
                let mut spellings = Spellings::new(name);
                matched = search(&mut spellings).1.map(|found| Matched {
                    source: candidate.source,
                    name: String::from_utf8_lossy(spellings.get(found.spelling)).into_owned(),
                    book: String::new(),
                    own: String::new(),
                    alias: candidate.alias,
                });
            }
            models.own = models.own.or(found.own);
            models.book = models.book.or(found.book);
            billed_by = billed_by.or(found.first);
        }
        if let Some(matched) = &mut matched {
            matched.book = self.model_label(models.book);
            matched.own = self.model_label(models.own);
        }
        Resolved { models, provider: billed_by, matched }
    }

    /// The models that go by a name in a region, and what was found by which of its spellings.
    fn search(
        &self,
        spellings: &mut Spellings,
        candidate: &Candidate<'_>,
        region: Region,
    ) -> (LookedUp, Option<Found>) {
        let provider = self.self_hosted(candidate.provider, spellings).or(candidate.provider);
        let chain = self.chain(provider, candidate.served, spellings);
        let own = self.own_names.find(spellings, &self.naming, &own_chain(provider, &chain));
        let anywhere = self.names.find(spellings, &self.naming, &chain);
        let book = self.in_region(spellings, &chain, region, anywhere).or(anywhere);
        let found = LookedUp {
            own: own.map(|found| found.model),
            book: book.map(|found| found.model),
            first: book.and(provider.or_else(|| chain.as_slice().first().copied())),
        };
        (found, book.or(own))
    }

    /// The region's own model of that name, or of the id of the model that was found `anywhere`. A name that says
    /// where itself, by an inference profile's prefix or a region's segment, keeps what it says.
    fn in_region(
        &self,
        spellings: &mut Spellings,
        chain: &Chain,
        region: Region,
        anywhere: Option<Found>,
    ) -> Option<Found> {
        if region == 0 {
            return None;
        }
        spellings.expand(&self.naming);
        if spellings.is_prefixed() || self.regions.names_one(spellings) {
            return None;
        }
        chain.as_slice().iter().find_map(|owner| {
            let there = self.regions.models(*owner, region)?;
            let model = |name: &[u8]| there.get(name).copied();
            let by_name = (0..spellings.len())
                .find_map(|spelling| Some(Found { model: model(spellings.get(spelling))?, spelling }));
            by_name.or_else(|| {
                let found = anywhere?;
                let id = &self.models.id[found.model as usize];
                Some(Found { model: model(id.as_bytes())?, ..found })
            })
        })
    }

    fn provider(&self, name: &str) -> Option<u16> {
        if name.is_empty() {
            return None;
        }
        match self.provider_names.get(name) {
            Some(id) => Some(*id),
            None if name.len() <= 64 && name.bytes().any(|b| b.is_ascii_uppercase()) => {
                self.provider_names.get(name.to_ascii_lowercase().as_str()).copied()
            }
            None => None,
        }
    }

    fn alias<'a>(&'a self, candidate: Candidate<'a>, host: &str) -> Candidate<'a> {
        let spellings = Spellings::new(candidate.name);
        let list = std::str::from_utf8(spellings.raw()).ok().and_then(|raw| self.aliases.get(raw));
        let found = list.into_iter().flatten().find(|alias| {
            alias.provider.is_none_or(|provider| candidate.provider == Some(provider))
                && (alias.host.is_empty() || glob::matches(alias.host.as_bytes(), host.as_bytes()))
        });
        found.map_or(candidate, |alias| Candidate {
            name: if alias.model.is_empty() { candidate.name } else { &alias.model },
            provider: alias.model_provider.or(candidate.provider),
            served: if alias.model_provider.is_some() { None } else { candidate.served },
            alias: true,
            region: alias.region,
            ..candidate
        })
    }

    /// Who serves a call that the SDK of one provider sent to another: SDKs of makers have clients for clouds that resell
    /// their models, and tell the maker as the provider all the same.
    fn elsewhere(&self, provider: u16, models: [&str; 2], host: &str) -> Option<u16> {
        let fits = |globs: &[String], text: &str| {
            !text.is_empty() && globs.iter().any(|glob| glob::matches(glob.as_bytes(), text.as_bytes()))
        };
        let all = &self.providers[usize::from(provider)].elsewhere;
        let there = |there: &&ElsewherePlan| {
            fits(&there.hosts, host) || models.into_iter().any(|model| fits(&there.models, model.trim_ascii()))
        };
        all.iter().find(there).map(|there| there.provider)
    }

    /// The self-hosted server that the name's first segment names (`hosted_vllm/gpt-oss-20b`): it, and nobody whose API
    /// it speaks, runs the model.
    fn self_hosted(&self, provider: Option<u16>, spellings: &Spellings) -> Option<u16> {
        if provider.is_some_and(|id| self.providers[usize::from(id)].slashed) {
            return None;
        }
        let segment = std::str::from_utf8(spellings.first_segment()?).ok()?;
        let id = *self.provider_names.get(segment)?;
        let named = &self.providers[usize::from(id)];
        (named.self_hosted && !named.maker).then_some(id)
    }

    /// Whose models are asked: those of who serves the call, the provider's own, then those it resells, then those of the
    /// provider that the name's first segment names (`azure/gpt-4o`). An unknown provider's models are looked up with their
    /// makers.
    fn chain(&self, provider: Option<u16>, served: Option<u16>, spellings: &mut Spellings) -> Chain {
        let mut chain = Chain::new();
        let add = |chain: &mut Chain, id: u16| {
            chain.push(id);
            for fallback in &self.providers[usize::from(id)].fallbacks {
                chain.push(*fallback);
            }
        };
        let known = provider.map(|id| &self.providers[usize::from(id)]);
        for id in served.into_iter().chain(provider) {
            add(&mut chain, id);
        }
        if known.is_none_or(|known| !known.slashed && !known.self_hosted) {
            let segment = spellings.first_segment().and_then(|segment| std::str::from_utf8(segment).ok());
            if let Some(id) = segment.and_then(|segment| self.provider_names.get(segment)) {
                add(&mut chain, *id);
                return chain;
            }
        }
        if known.is_none() {
            let mut any = Chain::new();
            any.push(ANY);
            if let Some(found) = self.hints.find(spellings, &self.naming, &any) {
                add(&mut chain, found.model as u16);
            }
        }
        chain
    }
}

/// The names of the book's models, or those of the user's own.
fn entries(plan: &PricePlan, own: bool) -> impl Iterator<Item = Entry<'_>> {
    let names = &plan.names;
    names
        .text
        .iter()
        .zip(&names.model)
        .enumerate()
        .filter(move |(_, (_, model))| own == (**model >= plan.models.overrides_from))
        .map(|(index, (text, model))| Entry {
            text,
            except: names.except.get(&(index as u32)).map_or(&[], Vec::as_slice),
            provider: plan.models.provider[*model as usize],
            model: *model,
        })
}

/// A user's prices are asked for the provider that they name, or for any when they name none.
fn own_chain(provider: Option<u16>, chain: &Chain) -> Chain {
    let mut own = Chain::new();
    match provider {
        Some(id) => own.push(id),
        None => chain.as_slice().iter().for_each(|id| own.push(*id)),
    }
    own.push(ANY);
    own
}
