//! The reports of one call, as the memories of other traces ask for them: a stranger chooses how many there are, so what is
//! asked of each is found without a look at all others.

use super::past::Spot;
use super::sketch::Sketch;
use smallvec::SmallVec;

/// Reports of a call that are sorted in place; most calls have no more.
const FEW: usize = 4;

/// The reports of one call.
pub struct Own<'m> {
    /// In the order of the call.
    pub reports: &'m [Sketch],
    /// Response ids with the places of their reports, in order.
    by_id: SmallVec<[(u64, u32); FEW]>,
    /// Where each id begins in `by_id`, in the order of the reports that are first to have them.
    ids: SmallVec<[u32; FEW]>,
    spots: SmallVec<[Spot; FEW]>,
}

impl<'m> Own<'m> {
    pub fn of(reports: &'m [Sketch]) -> Self {
        let named = reports.iter().zip(0..).filter(|(report, _)| report.response_id != 0);
        let mut by_id: SmallVec<[_; FEW]> = named.map(|(report, at)| (report.response_id, at)).collect();
        by_id.sort_unstable();
        let begins = (0..by_id.len()).filter(|at| *at == 0 || by_id[at - 1].0 != by_id[*at].0);
        let mut ids: SmallVec<[u32; FEW]> = begins.map(|at| at as u32).collect();
        ids.sort_unstable_by_key(|begin| by_id[*begin as usize].1);
        let mut spots: SmallVec<[Spot; FEW]> = reports.iter().map(Sketch::spot).collect();
        spots.sort_unstable();
        Self { reports, by_id, ids, spots }
    }

    /// Whether a span is one of them.
    pub fn holds(&self, spot: Spot) -> bool {
        self.spots.binary_search(&spot).is_ok()
    }

    /// Each response id once.
    pub fn ids(&self) -> impl Iterator<Item = WithId<'_>> {
        self.ids.iter().map(|begin| WithId { own: self, begin: *begin as usize })
    }
}

/// The reports that have one response id.
pub struct WithId<'o> {
    own: &'o Own<'o>,
    begin: usize,
}

impl<'o> WithId<'o> {
    pub fn id(&self) -> u64 {
        self.own.by_id[self.begin].0
    }

    pub fn first(&self) -> &'o Sketch {
        &self.own.reports[self.own.by_id[self.begin].1 as usize]
    }

    pub fn reports(&self) -> impl Iterator<Item = &'o Sketch> {
        let same = self.own.by_id[self.begin..].iter().take_while(|(id, _)| *id == self.id());
        same.map(|(_, at)| &self.own.reports[*at as usize])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_in_the_order_of_their_first_reports() {
        let ids = [0, 9, 3, 9, 0, 3, 5];
        let sketch = |(id, span)| Sketch { response_id: id, span, trace: 1, ..Sketch::EMPTY };
        let reports: Vec<_> = ids.into_iter().zip(1..).map(sketch).collect();
        let own = Own::of(&reports);
        let told = own.ids().map(|one| (one.id(), one.first().span, one.reports().map(|report| report.span).collect()));
        assert_eq!(
            told.collect::<Vec<(u64, u64, Vec<u64>)>>(),
            [(9, 2, vec![2, 4]), (3, 3, vec![3, 6]), (5, 7, vec![7])]
        );
        assert!(own.holds(Spot { trace: 1, span: 7 }));
        assert!(!own.holds(Spot { trace: 1, span: 8 }) && !own.holds(Spot { trace: 2, span: 7 }));
        assert_eq!(Own::of(&[]).ids().count(), 0);
    }
}
