//! What the page's "Add" buttons type: ordinary lines of the script language, with names that are free.

use super::scene::Scene;

/// What can be added with one press.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addition {
    /// A topic of three partitions.
    Topic,
    /// A producer with a steady workload.
    Producer,
    /// A consumer that reads from the start.
    Consumer,
}

/// The line that adds something. Clients work with `topic`, or the first topic there is; none when there is none.
pub fn line(addition: Addition, scene: &Scene, topic: Option<&str>) -> Option<String> {
    let topic = topic.or_else(|| scene.topics.keys().next().map(|name| &**name));
    let free = |stem: &str, taken: &dyn Fn(&str) -> bool| {
        (1..).map(|n| format!("{stem}{n}")).find(|name| !taken(name)).expect("numbers do not end")
    };
    let client = |name: &str| {
        scene.producers.contains_key(name)
            || scene.consumers.contains_key(name)
            || scene.hosts.values().any(|h| &*h.name == name)
    };
    Some(match addition {
        Addition::Topic => {
            let name = free("topic-", &|name| scene.topics.contains_key(name));
            let replicas = scene.brokers.len().clamp(1, 3);
            format!("kafka-topics.sh --create --topic {name} --partitions 3 --replication-factor {replicas}")
        }
        Addition::Producer => {
            let name = free("p", &client);
            format!("producer {name} --topic {} --rate 5/s --keys uniform:7 --producer-property acks=all", topic?)
        }
        Addition::Consumer => {
            let name = free("c", &client);
            format!("consumer {name} --topic {} --consumer-property auto.offset.reset=earliest", topic?)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn names_are_free_and_clients_need_a_topic() {
        let scene = fixture::scene(&[("orders", 1), ("topic-1", 1)], &["p1"], &["c1"]);
        let text = |addition| line(addition, &scene, Some("orders")).expect("there is a topic");
        assert!(text(Addition::Topic).contains("--topic topic-2 "));
        assert!(text(Addition::Producer).starts_with("producer p2 --topic orders "));
        assert!(text(Addition::Consumer).starts_with("consumer c2 --topic orders "));
        assert_eq!(line(Addition::Producer, &Scene::default(), None), None);
    }
}
