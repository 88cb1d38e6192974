//! What types cannot say about signers, of one product or several.

use sim::SimDuration;

use crate::findings::Findings;
use crate::spec::ClassSpec;
use crate::spec::signers::SIGNERS;
use crate::world::WorldSpec;

impl WorldSpec {
    pub(super) fn check_signers(&self, found: &mut Findings) {
        let services = self.service_names();
        let capture = &self.signers.service;
        found.known("signers.service".into(), "service", capture, &services);
        check_classes(found, "signers", &self.signers.classes);
        let names: Vec<&str> = self.products.iter().map(|p| p.name.as_str()).collect();
        found.distinct("product", &names);
        for (i, product) in self.products.iter().enumerate() {
            let key = format!("product[{i}]");
            let service = &product.service;
            found.known(format!("{key}.service"), "service", service, &services);
            found.unless(
                product.name != SIGNERS,
                format!("{key}.name"),
                "the table [signers] goes by this name in the rows",
                "give another name",
            );
            if !product.classes.is_empty() {
                check_classes(found, &key, &product.classes);
            }
        }
    }
}

fn check_classes(found: &mut Findings, owner: &str, classes: &[ClassSpec]) {
    let shares: f64 = classes.iter().map(|class| class.share.get()).sum();
    found.unless(
        (shares - 1.0).abs() < 1e-6,
        format!("{owner}.class"),
        &format!(
            "the classes' shares add up to {:.1} %, not to 100 %",
            shares * 100.0
        ),
        "change the shares so that they do",
    );
    for (i, class) in classes.iter().enumerate() {
        found.unless(
            class.presses_max >= 1,
            format!("{owner}.class[{i}].presses_max"),
            "every visit presses at least once",
            "give at least 1",
        );
        found.unless(
            class.patience > SimDuration::ZERO,
            format!("{owner}.class[{i}].patience"),
            "nobody leaves before the page has loaded",
            "give a positive duration such as \"8s\"",
        );
        found.unless(
            class.returns.windows(2).all(|pair| pair[0] < pair[1]),
            format!("{owner}.class[{i}].returns"),
            "returns are counted from the first visit and must ascend",
            "sort them",
        );
    }
}
