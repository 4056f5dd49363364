//! The cluster and how clients prove who they are, in general terms: addresses and accounts belong to the installation.

use crate::tree::{Tree, map};

pub(crate) fn servers() -> Tree {
    let secure = ["sasl-scram-512", "sasl-scram-256", "sasl-plain", "client-certificate"];
    let secure: Vec<_> =
        secure.iter().map(|name| Tree::reference(format!("components/securitySchemes/{name}"))).collect();
    map! {
        "cluster" => map! {
            "host" => "{bootstrap_servers}",
            "protocol" => "kafka-secure",
            "description" => "The installation's Kafka cluster, with TLS. Readers set isolation.level=read_committed.",
            "variables" => map! { "bootstrap_servers" => map! {
                "description" => "The configuration key kafka.bootstrap_servers.",
                "default" => "kafka.example.org:9093",
            } },
            "security" => secure,
        },
        "trial" => map! {
            "host" => "localhost:9092",
            "protocol" => "kafka",
            "description" => "A broker without TLS and accounts on one's own machine, as ./dev kafka starts it.",
        },
    }
}

pub(crate) fn security_schemes() -> Tree {
    let access = "The broker's access rules say who may read and write which topic: `otp-stream topics plan` prints them.";
    map! {
        "sasl-scram-512" => map! { "type" => "scramSha512", "description" => format!("SASL SCRAM-SHA-512 over TLS. {access}") },
        "sasl-scram-256" => map! { "type" => "scramSha256", "description" => "SASL SCRAM-SHA-256 over TLS." },
        "sasl-plain" => map! { "type" => "plain", "description" => "SASL PLAIN over TLS." },
        "client-certificate" => map! { "type" => "X509", "description" => "TLS with a certificate of the client." },
    }
}
