//! The scenarios and studies that are part of the binary, so that it works alone anywhere.

/// A file that is part of the binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuiltIn {
    /// The name by which it is asked for.
    pub name: &'static str,
    /// The name by which its mistakes would be told.
    pub file: &'static str,
    /// What it holds.
    pub text: &'static str,
}

/// The scenarios that are part of the binary.
pub const SCENARIOS: [BuiltIn; 19] = [
    BuiltIn {
        name: "basecamp-2020",
        file: "experiments/scenarios/basecamp-2020.toml",
        text: include_str!("../scenarios/basecamp-2020.toml"),
    },
    BuiltIn {
        name: "capacity-90d",
        file: "experiments/scenarios/capacity-90d.toml",
        text: include_str!("../scenarios/capacity-90d.toml"),
    },
    BuiltIn {
        name: "clients",
        file: "experiments/scenarios/clients.toml",
        text: include_str!("../scenarios/clients.toml"),
    },
    BuiltIn {
        name: "cloudcannon-2025",
        file: "experiments/scenarios/cloudcannon-2025.toml",
        text: include_str!("../scenarios/cloudcannon-2025.toml"),
    },
    BuiltIn {
        name: "discord-2017",
        file: "experiments/scenarios/discord-2017.toml",
        text: include_str!("../scenarios/discord-2017.toml"),
    },
    BuiltIn {
        name: "gemfury",
        file: "experiments/scenarios/gemfury.toml",
        text: include_str!("../scenarios/gemfury.toml"),
    },
    BuiltIn {
        name: "github-2025",
        file: "experiments/scenarios/github-2025.toml",
        text: include_str!("../scenarios/github-2025.toml"),
    },
    BuiltIn {
        name: "gitlab-2018-oomkill",
        file: "experiments/scenarios/gitlab-2018-oomkill.toml",
        text: include_str!("../scenarios/gitlab-2018-oomkill.toml"),
    },
    BuiltIn {
        name: "guidecx-2025",
        file: "experiments/scenarios/guidecx-2025.toml",
        text: include_str!("../scenarios/guidecx-2025.toml"),
    },
    BuiltIn {
        name: "guidecx-2026",
        file: "experiments/scenarios/guidecx-2026.toml",
        text: include_str!("../scenarios/guidecx-2026.toml"),
    },
    BuiltIn {
        name: "honeybadger",
        file: "experiments/scenarios/honeybadger.toml",
        text: include_str!("../scenarios/honeybadger.toml"),
    },
    BuiltIn {
        name: "incident-2020",
        file: "experiments/scenarios/incident-2020.toml",
        text: include_str!("../scenarios/incident-2020.toml"),
    },
    BuiltIn {
        name: "iotum-2024",
        file: "experiments/scenarios/iotum-2024.toml",
        text: include_str!("../scenarios/iotum-2024.toml"),
    },
    BuiltIn {
        name: "miraheze-2019-01-11",
        file: "experiments/scenarios/miraheze-2019-01-11.toml",
        text: include_str!("../scenarios/miraheze-2019-01-11.toml"),
    },
    BuiltIn {
        name: "outsmart",
        file: "experiments/scenarios/outsmart.toml",
        text: include_str!("../scenarios/outsmart.toml"),
    },
    BuiltIn {
        name: "overload",
        file: "experiments/scenarios/overload.toml",
        text: include_str!("../scenarios/overload.toml"),
    },
    BuiltIn {
        name: "pactsafe-2020",
        file: "experiments/scenarios/pactsafe-2020.toml",
        text: include_str!("../scenarios/pactsafe-2020.toml"),
    },
    BuiltIn {
        name: "thoughtly-2025",
        file: "experiments/scenarios/thoughtly-2025.toml",
        text: include_str!("../scenarios/thoughtly-2025.toml"),
    },
    BuiltIn {
        name: "twilio-2013",
        file: "experiments/scenarios/twilio-2013.toml",
        text: include_str!("../scenarios/twilio-2013.toml"),
    },
];

/// The studies that are part of the binary.
pub const STUDIES: [BuiltIn; 3] = [
    BuiltIn {
        name: "capacity-90d",
        file: "experiments/studies/capacity-90d.toml",
        text: include_str!("../studies/capacity-90d.toml"),
    },
    BuiltIn {
        name: "incident-2020",
        file: "experiments/studies/incident-2020.toml",
        text: include_str!("../studies/incident-2020.toml"),
    },
    BuiltIn {
        name: "overload",
        file: "experiments/studies/overload.toml",
        text: include_str!("../studies/overload.toml"),
    },
];
