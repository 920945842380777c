//! Tests of the explorer in a page: escaping, size, and marks for missing parts.

#[path = "../examples/explorer/made_up.rs"]
mod made_up;

use agon_report::explorer::{Images, Latents, Model, Reader, Size, Spread, Trained};
use agon_report::{Error, Explorer, Group, Page};

const HOSTILE: &str = "</script><script>alert(1)</script><!--<script>\u{2028}&'\"\\";

fn page(explorer: Option<Explorer>) -> Page {
    Page { title: "title".into(), question: "question".into(), explorer, ..Page::default() }
}

fn html(explorer: Explorer) -> String {
    page(Some(explorer)).html().expect("a valid explorer can be rendered")
}

/// One λ, one latent size, two images of 2 x 3.
fn small() -> Explorer {
    let number = |mean| Spread { mean, low: mean - 0.1, high: mean + 0.1 };
    let trained = Trained { n: 1, mse: number(0.5), cross_entropy: number(1.0), accuracy: number(0.25) };
    let images = Images {
        shape: [1, 2, 3],
        labels: vec![0, 1],
        originals: vec![7; 12],
        reconstructions: vec![Some(vec![8; 12])],
    };
    let latents =
        Latents { what: "plane".into(), labels: vec![1, 0], places: vec![Some(vec![[0.0, 1.0]; 2])] };
    let readers = vec![Reader { name: "ridge".into(), accuracy: vec![number(0.2)] }];
    let size = Size {
        k: 2,
        trained: vec![trained],
        readers,
        linear: vec![],
        images: Some(images),
        latents: Some(latents),
    };
    let model = Model {
        data: "data".into(),
        family: "family".into(),
        classes: vec!["a".into(), "b".into()],
        lambdas: vec![0.5],
        sizes: vec![size],
    };
    Explorer { lead: "lead".into(), note: "note".into(), models: vec![model] }
}

/// The text of the JSON element.
fn json(html: &str) -> &str {
    let (_, rest) = html.split_once("data-part=\"json\">").expect("the page holds the data");
    rest.split_once("</script>").expect("the element ends").0
}

#[test]
fn texts_of_the_data_are_escaped() {
    let mut hostile = small();
    hostile.lead = HOSTILE.into();
    hostile.note = HOSTILE.into();
    let model = &mut hostile.models[0];
    model.data = HOSTILE.into();
    model.family = HOSTILE.into();
    model.classes = vec![HOSTILE.into(); 2];
    model.sizes[0].latents.as_mut().unwrap().what = HOSTILE.into();
    let (hostile, plain) = (html(hostile), html(small()));
    for mark in ["<script", "</script", "<!--"] {
        assert_eq!(hostile.matches(mark).count(), plain.matches(mark).count(), "{mark}");
    }
    let json = json(&hostile);
    assert!(!json.contains('<'));
    let data: serde_json::Value = serde_json::from_str(json).unwrap();
    assert_eq!(data["models"][0]["family"], HOSTILE);
}

#[test]
fn a_page_with_an_explorer_loads_nothing() {
    let html = html(made_up::explorer());
    for forbidden in ["http:", "https:", "url(", "@import", " src=", "fetch(", "innerHTML", "eval("] {
        assert!(!html.contains(forbidden), "{forbidden}");
    }
}

#[test]
fn without_javascript_only_a_note_is_shown() {
    let html = html(small());
    assert!(html.contains("<noscript><p class=\"warning\">The explorer needs JavaScript"));
    assert!(html.contains("data-part=\"body\" hidden>"));
}

#[test]
fn an_explorer_adds_its_encoded_length_and_its_entry_in_the_contents() {
    let without = page(None).html().unwrap();
    assert!(!without.contains("data-part"));
    let entry = "<li><a href=\"#explorer\">Try it: move λ</a></li>\n";
    for explorer in [small(), made_up::explorer()] {
        let expected = explorer.encoded_len().unwrap() + entry.len();
        assert_eq!(html(explorer).len() - without.len(), expected);
    }
}

/// Incompressible pixels and positions: four characters per three bytes, and 2 kB for the rest.
#[test]
fn a_latent_size_takes_no_more_bytes_than_documented() {
    let mut explorer = small();
    let before = explorer.encoded_len().unwrap();
    let mut state = 1_u32;
    let mut random = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let model = &mut explorer.models[0];
    model.lambdas = vec![0.0, 0.5, 0.75, 0.9, 0.99, 1.0];
    let mut pixels = || (0..10 * 28 * 28).map(|_| random()).collect::<Vec<u8>>();
    let images = Images {
        shape: [1, 28, 28],
        labels: vec![0; 10],
        originals: pixels(),
        reconstructions: (0..6).map(|_| Some(pixels())).collect(),
    };
    let mut places = || (0..500).map(|_| [random(), random()].map(f32::from)).collect::<Vec<_>>();
    let latents = Latents {
        what: "plane".into(),
        labels: vec![0; 500],
        places: (0..6).map(|_| Some(places())).collect(),
    };
    let trained = vec![model.sizes[0].trained[0]; 6];
    let readers = vec![];
    model.sizes[0] =
        Size { trained, readers, images: Some(images), latents: Some(latents), ..model.sizes[0].clone() };
    let grown = explorer.encoded_len().unwrap() - before;
    let bytes = 7 * 10 * 28 * 28 + 500 * (2 * 6 + 1);
    assert!(grown < bytes * 4 / 3 + 2_000, "{grown} for {bytes}");
}

#[test]
fn the_same_explorer_has_the_same_bytes() {
    assert_eq!(html(made_up::explorer()), html(made_up::explorer()));
}

#[test]
fn non_finite_values_are_null_and_others_are_kept() {
    let mut explorer = small();
    let size = &mut explorer.models[0].sizes[0];
    size.trained[0] =
        Trained { mse: Spread { mean: 0.5, low: f64::NAN, high: f64::INFINITY }, ..Trained::NOTHING };
    size.images.as_mut().unwrap().reconstructions = vec![None];
    size.latents.as_mut().unwrap().places = vec![Some(vec![[f32::NAN, 0.0]; 2])];
    let html = html(explorer);
    let data: serde_json::Value = serde_json::from_str(json(&html)).unwrap();
    let size = &data["models"][0]["sizes"][0];
    let trained = serde_json::json!({ "n": 0, "mse": [0.5, null, null], "entropy": null, "accuracy": null });
    assert_eq!(size["trained"][0], trained);
    assert_eq!(size["images"]["rows"], serde_json::json!([null]));
    assert_eq!(size["latents"]["clouds"], serde_json::json!([null]));
}

#[test]
fn an_invalid_explorer_is_refused_by_name() {
    type Change = fn(&mut Explorer);
    let refused: [(Change, &str); 14] = [
        (|e| e.models.clear(), "explorer: expected at least one model, got none"),
        (|e| e.models.push(e.models[0].clone()), "explorer: expected one model of each data set and family"),
        (|e| e.models[0].family.clear(), "explorer: family of a model: expected some text"),
        (|e| e.models[0].lambdas.clear(), "model `data, family`: expected at least one λ, got none"),
        (|e| e.models[0].sizes.clear(), "expected at least one latent size"),
        (|e| e.models[0].lambdas[0] = f64::NAN, "λ 0: expected a finite number, got NaN"),
        (|e| e.models[0].lambdas = vec![0.5, 0.5], "expected strictly increasing λ, got 0.5 after 0.5"),
        (|e| e.models[0].sizes[0].trained.clear(), "k = 2: expected 1, one for each λ, got 0 results"),
        (
            |e| e.models[0].sizes[0].trained[0].mse.low = 0.6,
            "expected test MSE within its interval 0.6 to 0.6, got 0.5",
        ),
        (
            |e| e.models[0].sizes[0].readers[0].accuracy.clear(),
            "k = 2: expected 1, one for each λ, got 0 values of ridge",
        ),
        (|e| images(e).originals.truncate(11), "k = 2, images: expected 2 · 1 · 2 · 3 bytes, got 11"),
        (|e| images(e).labels[1] = 2, "expected labels below 2, the number of classes, got 2"),
        (|e| images(e).shape[0] = 2, "expected c = 1 or 3, h and w above 0, got c = 2, h = 2, w = 3"),
        (|e| latents(e).labels.push(0), "k = 2, latents: expected 3 points, one for each label, got 2"),
    ];
    for (change, expected) in refused {
        let mut explorer = small();
        change(&mut explorer);
        let got = explorer.encoded_len().unwrap_err().to_string();
        assert!(got.contains(expected), "{got:?} does not say {expected:?}");
        assert!(page(Some(explorer)).html().is_err());
    }
}

fn images(explorer: &mut Explorer) -> &mut Images {
    explorer.models[0].sizes[0].images.as_mut().expect("the small one has images")
}

fn latents(explorer: &mut Explorer) -> &mut Latents {
    explorer.models[0].sizes[0].latents.as_mut().expect("the small one has latents")
}

#[test]
fn no_section_may_use_the_id_of_the_explorer() {
    let section = agon_report::Section {
        name: "explorer".into(),
        title: String::new(),
        claim: String::new(),
        figures: vec![],
        warnings: vec![],
        rows: vec![],
        command: String::new(),
    };
    let group =
        Group { name: "g".into(), short: String::new(), title: String::new(), sections: vec![section] };
    let page = Page { groups: vec![group], ..page(None) };
    assert_eq!(page.html(), Err(Error::NameTwice { name: "explorer".into() }));
}
