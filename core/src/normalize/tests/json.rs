//! Paths into JSON, Python literals and OTLP values.

use crate::normalize::escape::unescape;
use crate::normalize::json::{Base, Leaf, Sink, Stop, walk, walk_otlp};
use crate::normalize::paths::Paths;
use crate::wire::value::{Value, any_value};
use crate::wire::writer;
use bumpalo::Bump;

#[derive(Default)]
struct Hits(Vec<(u16, Base, String)>);

impl<'a> Sink<'a> for Hits {
    fn hit(&mut self, slot: u16, base: Base, leaf: Leaf<'a>) {
        let text = match leaf {
            Leaf::Str { raw, escaped } => {
                let arena = Bump::new();
                let text = if escaped { unescape(raw, &arena) } else { raw };
                String::from_utf8_lossy(text).into_owned()
            }
            Leaf::Number(raw) | Leaf::Raw(raw) => String::from_utf8_lossy(raw).into_owned(),
            Leaf::Bool(value) => value.to_string(),
            Leaf::Otlp(value) => super::show(value),
        };
        self.0.push((slot, base, text));
    }
}

fn paths(list: &[&str]) -> Paths {
    let mut paths = Paths::new();
    for (slot, path) in list.iter().enumerate() {
        paths.add(path, slot as u16).unwrap();
    }
    paths
}

fn found(text: &str, list: &[&str]) -> (Vec<(u16, String)>, Result<(), Stop>) {
    let mut hits = Hits::default();
    let arena = Bump::new();
    let end = walk(text.as_bytes(), &paths(list), 64, &arena, &mut hits);
    (hits.0.into_iter().map(|(slot, _, text)| (slot, text)).collect(), end)
}

fn values(text: &str, list: &[&str]) -> Vec<(u16, String)> {
    let (hits, end) = found(text, list);
    assert_eq!(end, Ok(()), "{text}");
    hits
}

#[test]
fn paths_reach_fields_and_items() {
    let text = r#"{"a": {"b": 5, "x": [1, {"q": "}"}]}, "c": [{"d": "one"}, {"d": "t\"wo"}], "e": true, "f": null}"#;
    assert_eq!(
        values(text, &["a.b", "c[].d", "c[1].d", "e", "f", "missing"]),
        [(0, "5".into()), (1, "one".into()), (1, "t\"wo".into()), (2, "t\"wo".into()), (3, "true".into())]
    );
    assert_eq!(values("[[{\"u\": 1}]]", &["[0][0].u"]), [(0, "1".into())]);
    assert_eq!(values("{\"a.b\": 1}", &["a\\.b"]), [(0, "1".into())]);
    assert_eq!(values("{\"a\": [1, 2]}", &["a"]), [(0, "[1, 2]".into())]);
}

#[test]
fn json_inside_json_is_opened_twice_and_no_more() {
    let wrap = |text: &str| serde_json::to_string(text).unwrap();
    let once = format!("{{\"a\": {}}}", wrap(r#"{"b": 7}"#));
    assert_eq!(values(&once, &["a.b"]), [(0, "7".into())]);
    let twice = format!("{{\"a\": {}}}", wrap(&wrap(r#"{"b": 7}"#)));
    assert_eq!(values(&twice, &["a.b"]), [(0, "7".into())]);
    let thrice = format!("{{\"a\": {}}}", wrap(&wrap(&wrap(r#"{"b": 7}"#))));
    assert_eq!(values(&thrice, &["a.b"]), []);
    assert_eq!(values(&wrap(&wrap(r#"{"b": 7}"#)), &["b"]), [(0, "7".into())]);
}

#[test]
fn python_literals_and_reprs_read_like_json() {
    let text = "{'prompt_tokens': 11, 'cost': None, 'ok': True, 'details': {'cached': 3}, 'n': \"it's\"}";
    assert_eq!(
        values(text, &["prompt_tokens", "cost", "ok", "details.cached", "n"]),
        [(0, "11".into()), (2, "true".into()), (3, "3".into()), (4, "it's".into())]
    );
    let repr = "Usage(completion_tokens=7, details=Details(cached=2, kind=<Kind.A: 'a'>, x=(1, 2)), total=18)";
    assert_eq!(
        values(repr, &["completion_tokens", "details.cached", "total"]),
        [(0, "7".into()), (1, "2".into()), (2, "18".into())]
    );
    assert_eq!(
        values("total_tokens=18 prompt_tokens=11 completion_tokens=7", &["prompt_tokens", "total_tokens"]),
        [(1, "18".into()), (0, "11".into())]
    );
    assert_eq!(values("{'reason': FinishReason.STOP}", &["reason"]), [(0, "FinishReason.STOP".into())]);
}

#[test]
fn open_paths_report_where_they_began() {
    let mut hits = Hits::default();
    let arena = Bump::new();
    let text = br#"{"x": {"usage": {"n": 1}}, "usage": {"n": 2}}"#;
    walk(text, &paths(&["**.usage.n"]), 64, &arena, &mut hits).unwrap();
    let [inner, outer] = &hits.0[..] else { panic!("{:?}", hits.0) };
    assert_eq!((&*inner.2, &*outer.2), ("1", "2"));
    assert!(outer.1 < inner.1);
}

#[test]
fn what_was_read_before_a_fault_counts_but_no_cut_number() {
    let (hits, end) = found(r#"{"a": 1, "b": 12"#, &["a", "b"]);
    assert_eq!(hits, [(0, "1".into())]);
    assert_eq!(end, Err(Stop::Malformed));
    for text in ["", "{", "{\"a\"", "{\"a\":", "[1,", "\"abc", "{\"a\": }", "{]", "nonsense here", "{\"a\": \"\\"] {
        let (hits, _) = found(text, &["a", "[]"]);
        assert!(hits.len() <= 1, "{text}: {hits:?}");
    }
}

#[test]
fn a_wrong_closing_bracket_ends_the_walk() {
    for text in ["[}", "[1,}", "[input ,)", "f(]", "{\"a\": [1, }]}", "{\"a\": ]"] {
        assert_eq!(found(text, &["usage", "a.b"]).1, Err(Stop::Malformed), "{text}");
    }
}

#[test]
fn depth_is_bounded_where_paths_lead_and_free_elsewhere() {
    let deep = format!("{{\"skip\": {}{}, \"a\": 1}}", "[".repeat(1000), "]".repeat(1000));
    assert_eq!(values(&deep, &["a"]), [(0, "1".into())]);
    let (_, end) = found(&deep, &["**.a"]);
    assert_eq!(end, Err(Stop::TooDeep));
}

#[test]
fn otlp_maps_and_arrays_are_walked_too() {
    // {"usage": {"n": 3}, "body": "{\"m\": 4}"}
    let mut inner = Vec::new();
    writer::key_value(&mut inner, 1, "n", writer::Scalar::Int(3));
    let mut usage = Vec::new();
    writer::bytes(&mut usage, 6, &inner);
    let mut entry = Vec::new();
    writer::bytes(&mut entry, 1, b"usage");
    writer::bytes(&mut entry, 2, &usage);
    let mut map = Vec::new();
    writer::bytes(&mut map, 1, &entry);
    writer::key_value(&mut map, 1, "body", writer::Scalar::Str("{\"m\": 4}"));
    let mut any = Vec::new();
    writer::bytes(&mut any, 6, &map);
    let value: Value<'_> = any_value(&any).unwrap();
    let mut hits = Hits::default();
    let arena = Bump::new();
    walk_otlp(value, &paths(&["usage.n", "body.m", "**.n"]), 64, &arena, &mut hits).unwrap();
    let texts: Vec<_> = hits.0.iter().map(|(slot, _, text)| (*slot, text.as_str())).collect();
    assert_eq!(texts, [(0, "3"), (2, "3"), (1, "4")]);
}

/// An `AnyValue` map of entries that are encoded `AnyValue`s.
fn map(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut list = Vec::new();
    for (key, value) in entries {
        let mut entry = Vec::new();
        writer::bytes(&mut entry, 1, key.as_bytes());
        writer::bytes(&mut entry, 2, value);
        writer::bytes(&mut list, 1, &entry);
    }
    let mut any = Vec::new();
    writer::bytes(&mut any, 6, &list);
    any
}

fn text(value: &str) -> Vec<u8> {
    let mut any = Vec::new();
    writer::bytes(&mut any, 1, value.as_bytes());
    any
}

#[test]
fn objects_side_by_side_in_an_otlp_map_are_told_apart() {
    let usage = |count: &str| map(&[("usage", map(&[("n", text(count))]))]);
    let maps = map(&[("a", usage("5")), ("b", usage("7"))]);
    let texts = map(&[("a", text(r#"{"usage": {"n": 5}}"#)), ("b", text(r#"{"usage": {"n": 7}}"#))]);
    for any in [maps, texts] {
        let arena = Bump::new();
        let mut hits = Hits::default();
        walk_otlp(any_value(&any).unwrap(), &paths(&["**.usage.n", "a.x", "b.x"]), 64, &arena, &mut hits).unwrap();
        let [first, second] = &hits.0[..] else { panic!("{:?}", hits.0) };
        assert_eq!((&*first.2, &*second.2), ("5", "7"));
        assert!(first.1.depth == second.1.depth && first.1.start < second.1.start, "{:?}", hits.0);
    }
}

#[test]
fn a_star_is_every_number_also_one_with_a_sign_or_as_text() {
    let object = r#"{"a": +5, "b": "7", "c": ' 1.5e3 ', "d": "", "e": "inf", "f": "2 of 3", "g": true, "h": "x"}"#;
    let hits = values(object, &["*"]);
    assert_eq!(hits.iter().map(|(_, text)| &**text).collect::<Vec<_>>(), ["+5", "7", " 1.5e3 "]);
    let any = map(&[("a", text("7")), ("b", text("nan")), ("c", text("-2"))]);
    let mut hits = Hits::default();
    let arena = Bump::new();
    walk_otlp(any_value(&any).unwrap(), &paths(&["*"]), 64, &arena, &mut hits).unwrap();
    assert_eq!(hits.0.iter().map(|hit| &*hit.2).collect::<Vec<_>>(), ["7", "-2"]);
}

#[test]
fn infinities_end_no_text() {
    assert_eq!(
        values(r#"{"a": -Infinity, "b": Infinity, "c": NaN, "d": 4}"#, &["a", "d"]),
        [(0, "-Infinity".into()), (1, "4".into())]
    );
}

#[test]
fn paths_beyond_those_that_are_followed_at_once_are_told() {
    struct Counts(usize, usize);
    impl<'a> Sink<'a> for Counts {
        fn hit(&mut self, _: u16, _: Base, _: Leaf<'a>) {
            self.0 += 1;
        }
        fn crowded(&mut self) {
            self.1 += 1;
        }
    }
    for (levels, given_up) in [(2, 0), (3, 2)] {
        // Each level is reached as any item and as the first: 2, 4, 8 paths at once.
        let ways = |path: &String| ["[]", "[0]"].map(|step| format!("{path}{step}"));
        let all = (0..levels).fold(vec![String::new()], |paths, _| paths.iter().flat_map(ways).collect());
        let list: Vec<&str> = all.iter().map(String::as_str).collect();
        let json = format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        let mut counts = Counts(0, 0);
        walk(json.as_bytes(), &paths(&list), 64, &Bump::new(), &mut counts).unwrap();
        assert_eq!((counts.0, counts.1), (list.len() - given_up, given_up));
    }
}

#[test]
fn escapes_decode_with_surrogates_and_stay_short() {
    let arena = Bump::new();
    let decode = |text: &str| String::from_utf8(unescape(text.as_bytes(), &arena).to_vec()).unwrap();
    assert_eq!(decode(r#"a\n\"\\\u00e9\ud83d\ude00"#), "a\n\"\\é😀");
    assert_eq!(decode(r"\ud83d!"), "\u{fffd}!");
    assert_eq!(decode(r"\u12"), r"\u12");
}

#[test]
fn paths_that_are_none_are_refused() {
    for path in ["", "a..b", "a[x]", "a[0"] {
        assert!(Paths::new().add(path, 0).is_err(), "{path}");
    }
}
