//! Rule 4 across traces: some stacks put the SDK's span into a trace of its own. Reports of one service instance are
//! compared when one of the two is the root of its trace; matching is one to one, closest in time first.

use super::own::Own;
use super::past::Spot;
use super::sketch::{Counts, Sketch};
use hashbrown::HashMap;
use std::collections::VecDeque;

/// Reports remembered in all.
const REPORTS: usize = 8192;
/// How long a report is remembered, nanoseconds: longer than any sensible wait for a decision.
const MEMORY_NS: u64 = 600 * 1_000_000_000;
/// Reports of a scope, newest first, that one report is compared with.
const COMPARED: usize = 256;
/// Scopes of one service instance that are told apart; reports of further ones are not compared.
const SCOPES: usize = 32;
/// How much later than its end, against its neighbors, a report may arrive, nanoseconds.
const DISORDER_NS: u64 = 10_000_000_000;
/// Reports of a scope that are kept before any other scope could have one of the same call: the latest ones, so many in
/// `EARLY_NS` nanoseconds. Without them the first call that shows up in two traces would be two.
const EARLY: usize = 32;
const EARLY_NS: u64 = 10_000_000_000;
/// Reports in pairs remembered.
const PAIRS: usize = 8192;
/// Steps from a report to its nearest, to the nearest of that one, and so on.
const STEPS: usize = 16;
/// Reports that are looked at for one call: whoever notes reports waits meanwhile.
const LOOKED_AT: usize = 32_768;

/// Reports of one scope in one service instance, in order of arrival.
struct Scope {
    instance: u64,
    scope: u64,
    reports: VecDeque<(Sketch, u64)>,
    /// Roots of traces were among them.
    has_roots: bool,
    /// When the last report came.
    seen: u64,
    /// When the counting of `early` began.
    since: u64,
    /// Reports kept early since then.
    early: usize,
}

impl Scope {
    /// Whether a report is kept that nothing can match so far.
    fn keeps_early(&mut self, now: u64) -> bool {
        if now.saturating_sub(self.since) > EARLY_NS {
            (self.since, self.early) = (now, 0);
        }
        self.early += 1;
        self.early <= EARLY
    }
}

#[derive(Clone, Copy)]
struct Pair {
    other: Spot,
    /// The other one counts.
    yields: bool,
}

#[derive(Default)]
pub struct Elsewhere {
    /// Indices into `scopes`.
    instances: HashMap<u64, Vec<u32>, foldhash::fast::RandomState>,
    scopes: Vec<Scope>,
    count: usize,
    pairs: HashMap<Spot, Pair, foldhash::fast::RandomState>,
    /// With when they were found, Unix nanoseconds.
    paired: VecDeque<(Spot, u64)>,
    pub losses: Losses,
}

/// What bounds cost: calls that show up in two traces may count twice for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Reports forgotten before their time.
    pub reports: u64,
    /// Reports whose pair was.
    pub pairs: u64,
    /// Reports of scopes beyond those that are told apart.
    pub scopes: u64,
    /// Calls for which not all reports were looked at.
    pub searches: u64,
}

impl Elsewhere {
    /// Notes a report of a scope. Beyond the first few, it is only made and kept where one of another scope may turn out to
    /// be the same call: not in an instance with a single scope, and below a root only where another scope has roots that
    /// are reports.
    pub fn observe(&mut self, instance: u64, scope: u64, is_root: bool, now: u64, make: impl FnOnce() -> Sketch) {
        if self.count >= REPORTS || self.scopes.len() >= REPORTS {
            self.thin_out(now);
        }
        let own = self.instances.entry(instance).or_default();
        let known = own.iter().copied().find(|at| self.scopes[*at as usize].scope == scope);
        if known.is_none() && own.len() >= SCOPES {
            self.losses.scopes += 1;
            return;
        }
        let at = known.unwrap_or_else(|| {
            self.scopes.push(Scope {
                instance,
                scope,
                reports: VecDeque::new(),
                has_roots: false,
                seen: now,
                since: now,
                early: 0,
            });
            own.push(self.scopes.len() as u32 - 1);
            self.scopes.len() as u32 - 1
        });
        let wanted = own.len() > 1
            && (is_root || own.iter().any(|other| *other != at && self.scopes[*other as usize].has_roots));
        let scope = &mut self.scopes[at as usize];
        scope.has_roots |= is_root;
        scope.seen = now;
        if wanted || scope.keeps_early(now) {
            scope.reports.push_back((make(), now));
            self.count += 1;
        }
        if !wanted && scope.reports.len() > EARLY {
            scope.reports.pop_front();
            self.count -= 1;
        }
    }

    /// Forgets what is old and, when that does not help, the older half of the rest.
    fn thin_out(&mut self, now: u64) {
        let mut scopes = std::mem::take(&mut self.scopes);
        let many = scopes.len() >= REPORTS;
        scopes.retain_mut(|scope| {
            let half = scope.reports.len().div_ceil(2);
            let old = scope.reports.iter().take_while(|(_, at)| now.saturating_sub(*at) > MEMORY_NS).count();
            scope.reports.drain(..half.max(old));
            self.losses.reports += half.saturating_sub(old) as u64;
            scope.reports.shrink_to_fit();
            !scope.reports.is_empty() || (!many && now.saturating_sub(scope.seen) <= MEMORY_NS)
        });
        self.instances.clear();
        for (at, scope) in scopes.iter().enumerate() {
            self.instances.entry(scope.instance).or_default().push(at as u32);
        }
        self.count = scopes.iter().map(|scope| scope.reports.len()).sum();
        self.scopes = scopes;
    }

    /// The span of another trace that counts the call of these reports, if there is one. `decided` says where the call of
    /// a report counts whose trace is decided; `now` in Unix nanoseconds.
    pub fn settle(
        &mut self,
        instance: u64,
        canonical: &Sketch,
        own: &Own<'_>,
        now: u64,
        decided: impl Fn(Spot) -> Option<Spot>,
    ) -> Option<Spot> {
        let known = own.reports.iter().find_map(|member| self.pairs.get(&member.spot()));
        if let Some(pair) = known {
            return pair.yields.then(|| decided(pair.other).unwrap_or(pair.other));
        }
        if self.instances.get(&instance).is_none_or(|scopes| scopes.len() < 2) {
            return None;
        }
        let mut left = LOOKED_AT;
        for member in own.reports {
            if left == 0 {
                break;
            }
            if !self.is_told_apart(instance, member.scope) {
                // The others were counted as they came.
                self.losses.scopes += u64::from(!member.inference);
                continue;
            }
            // The call's usage may come from another member.
            let mut seeker = *member;
            if !seeker.usage {
                seeker.count_as(canonical);
            }
            if let Some(other) = self.partner(instance, &seeker, own, now, &mut left, &decided) {
                let yields = match decided(other.spot()) {
                    Some(_) => true,
                    None => other.rank() > canonical.rank(),
                };
                self.pair(&seeker, &other, yields, now);
                return yields.then(|| decided(other.spot()).unwrap_or(other.spot()));
            }
        }
        self.losses.searches += u64::from(left == 0);
        None
    }

    /// Whether reports of a scope are compared.
    fn is_told_apart(&self, instance: u64, scope: u64) -> bool {
        let known = self.instances.get(&instance);
        known.is_none_or(|own| own.len() < SCOPES || own.iter().any(|at| self.scopes[*at as usize].scope == scope))
    }

    /// The partner that is nearest to `seeker` and has no nearer one itself.
    fn partner(
        &mut self,
        instance: u64,
        seeker: &Sketch,
        own: &Own<'_>,
        now: u64,
        left: &mut usize,
        decided: &impl Fn(Spot) -> Option<Spot>,
    ) -> Option<Sketch> {
        for _ in 0..STEPS {
            let mut one = *seeker;
            let mut other = self.nearest(instance, &one, left)?;
            for _ in 0..STEPS {
                match self.nearest(instance, &other, left) {
                    Some(nearer) if nearer.distance(&other) < one.distance(&other) => (one, other) = (other, nearer),
                    _ => break,
                }
            }
            if *left == 0 {
                return None;
            }
            if one.spot() == seeker.spot() {
                return Some(other);
            }
            if other.spot() == seeker.spot() {
                return Some(one);
            }
            if own.holds(one.spot()) || own.holds(other.spot()) {
                return None;
            }
            // Two others belong together; which of them counts is known as soon as one is decided.
            let one_yields =
                decided(one.spot()).is_none() && (decided(other.spot()).is_some() || other.rank() > one.rank());
            self.pair(&one, &other, one_yields, now);
        }
        None
    }

    /// Looks at `left` reports at most, which it counts down.
    fn nearest(&self, instance: u64, seeker: &Sketch, left: &mut usize) -> Option<Sketch> {
        let mut best: Option<((bool, u64), Sketch)> = None;
        for at in self.instances.get(&instance)? {
            let scope = &self.scopes[*at as usize];
            if scope.scope == seeker.scope || (!scope.has_roots && !seeker.root) {
                continue;
            }
            for (report, _) in scope.reports.iter().rev().take(COMPARED.min(*left)) {
                *left -= 1;
                // Spans arrive about when they end: what came before this one ended before as well.
                if report.end.saturating_add(DISORDER_NS) < seeker.start {
                    break;
                }
                if report.trace == seeker.trace
                    || !report.told
                    || !(report.root || seeker.root)
                    || !report.contains_or_within(seeker)
                    || !report.same_counts(seeker)
                    || self.pairs.contains_key(&report.spot())
                {
                    continue;
                }
                let Some(counts) = report.sibling(seeker) else { continue };
                let key = (counts != Counts::Equal, report.distance(seeker));
                if best.is_none_or(|(least, _)| key < least) {
                    best = Some((key, *report));
                }
            }
        }
        best.map(|(_, report)| report)
    }

    fn pair(&mut self, one: &Sketch, other: &Sketch, one_yields: bool, now: u64) {
        for (own, their, yields) in [(one, other, one_yields), (other, one, !one_yields)] {
            self.pairs.insert(own.spot(), Pair { other: their.spot(), yields });
            self.paired.push_back((own.spot(), now));
        }
        while let Some((oldest, since)) = self.paired.front().copied() {
            let old = now.saturating_sub(since) > MEMORY_NS;
            if !old && self.paired.len() <= PAIRS {
                break;
            }
            self.paired.pop_front();
            self.pairs.remove(&oldest);
            self.losses.pairs += u64::from(!old);
        }
    }

    #[cfg(test)]
    pub fn is_bounded(&self) -> bool {
        self.count <= REPORTS && self.scopes.len() <= REPORTS && self.pairs.len() <= PAIRS
    }
}
