//! Golden losses of ten steps for each model. Change them only in a commit that gives the reason.
#![allow(clippy::unwrap_used)]

use agon_models::fc::{self, Config, Size};
use agon_models::vit;
use agon_models::{AdamConfig, Cre, CreTrainer, MaskedLoss, Masking};
use tensor::random::Stream;
use tensor::{DType, Indices, Tensor};

fn fc(size: Size) -> impl Fn(&Stream, DType) -> Cre {
    move |stream, dtype| fc::cre(&Config::of(size, 16), stream, dtype).unwrap()
}

fn vit_s(ratio: f64) -> impl Fn(&Stream, DType) -> Cre {
    let config = vit::Config { masking: Masking { ratio, loss: MaskedLoss::Removed }, ..vit::Config::S };
    move |stream, dtype| vit::cre(&config, stream, dtype).unwrap()
}

/// Ten steps on one batch of eight fixed random images: `(MSE, cross-entropy)` before each step.
fn ten_losses(model: &Cre, dtype: DType) -> Vec<(f64, f64)> {
    let mut words = Stream::new(1, "images").sequence(0);
    let pixels = (0..8 * 784).map(|_| 2.0 * words.uniform() - 1.0).collect();
    let images = Tensor::from_vec::<f64>(pixels, &[8, 784]).unwrap().to_dtype(dtype);
    let labels = Indices::new((0..8).collect());
    let mut trainer = CreTrainer::new(model, AdamConfig::PAPER, 0.5).unwrap();
    let mut step = || {
        let report = trainer.step((&images, &labels)).unwrap();
        (report.mse, report.cross_entropy)
    };
    (0..10).map(|_| step()).collect()
}

/// The references in 64 bits sum in a fixed order, so machines may differ only in the last digits of `exp`, `ln` and
/// `tanh`: 1e-9 allows a million epsilons. The fast paths in 32 bits are compared with the same values: over ten steps
/// of Adam, rounding alone changes a loss by about a hundred epsilons.
fn check(model: impl Fn(&Stream, DType) -> Cre, golden: [(f64, f64); 10]) {
    for (dtype, allowed) in [(DType::F64, 1e-9), (DType::F32, 2e-4)] {
        let losses = ten_losses(&model(&Stream::new(1, "init"), dtype), dtype);
        for (step, (got, expected)) in losses.iter().zip(golden).enumerate() {
            let off =
                ((got.0 - expected.0) / expected.0).abs().max(((got.1 - expected.1) / expected.1).abs());
            assert!(off <= allowed, "{dtype} step {step}: {got:?}, golden {expected:?}; all: {losses:#?}");
        }
    }
}

#[test]
fn fc_s_keeps_its_ten_golden_losses() {
    check(
        fc(Size::S),
        [
            (0.370341749923663, 2.3654414261559102),
            (0.37066943707671274, 2.2402326791444525),
            (0.37706168860333017, 2.1489199125916705),
            (0.3878239025391693, 2.068982739267099),
            (0.4028146276728167, 1.991837151492084),
            (0.42044359237806384, 1.9133324134481562),
            (0.439848573303792, 1.8355877132473672),
            (0.4598696316177804, 1.7587566980052016),
            (0.47966373840734133, 1.6833301584103906),
            (0.4988201141125596, 1.60942983413624),
        ],
    );
}

#[test]
fn fc_m_keeps_its_ten_golden_losses() {
    check(
        fc(Size::M),
        [
            (0.3381474589767075, 2.347609956730995),
            (0.3254382377410405, 2.2622528324401143),
            (0.3061707443825832, 2.1895622799457635),
            (0.28176274805081686, 2.1157491037678153),
            (0.2578128044382435, 2.028805372220002),
            (0.2371653484800978, 1.9270261952797985),
            (0.21773503521567206, 1.8209154482434469),
            (0.19512589920770262, 1.7121104847408022),
            (0.1681887728594597, 1.5995426872217215),
            (0.14061737136000474, 1.4880753010535033),
        ],
    );
}

#[test]
fn fc_l_keeps_its_ten_golden_losses() {
    check(
        fc(Size::L),
        [
            (0.33368929498635663, 2.3349292539417252),
            (0.32716981226162484, 2.3107886954238683),
            (0.31733148693881535, 2.275209021828561),
            (0.3016685283684329, 2.2265865069383057),
            (0.30811000728582494, 2.1387798133256117),
            (0.3111676688848315, 2.0086792999145335),
            (0.2886529399979981, 1.8409280457033474),
            (0.2697942492962096, 1.6688808610960877),
            (0.2638705187458762, 1.5219845727581858),
            (0.24576493616039258, 1.3739388816367633),
        ],
    );
}

#[test]
fn vit_s_keeps_its_ten_golden_losses() {
    check(
        vit_s(0.0),
        [
            (0.638548806051884, 2.5212968024072335),
            (0.6301784502327129, 2.4231846775962755),
            (0.6220122747038532, 2.3280256987602326),
            (0.6140785017411063, 2.2387300127128906),
            (0.606288840185436, 2.1559228741008027),
            (0.5985580217459603, 2.0788756629434175),
            (0.5908866501631878, 2.0067227999996535),
            (0.5833215778396336, 1.9388369390368532),
            (0.5759127250819344, 1.8747288736970096),
            (0.5687032181536922, 1.8139399272201295),
        ],
    );
}

#[test]
fn vit_s_with_removed_patches_keeps_its_ten_golden_losses() {
    check(
        vit_s(0.5),
        [
            (0.659217637069683, 2.642647865569536),
            (0.6208150190785511, 2.6004396228869466),
            (0.6046484448738862, 2.9262960466531873),
            (0.5951244238453924, 2.432484011070629),
            (0.5819336689900104, 2.3868565929408856),
            (0.5854249831775601, 2.34595352256649),
            (0.5607539784319896, 1.989918808508719),
            (0.5357927156112395, 2.6405796442240423),
            (0.5420225809055695, 2.3413813571524926),
            (0.5478562844558973, 2.1275206864514544),
        ],
    );
}
