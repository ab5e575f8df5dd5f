//! What the page's "Add" buttons and its form for something new type: ordinary lines of the script language, with names
//! that are free.

use super::browse::quoted;
use super::scene::{Role, Scene};
use crate::base::SortedMap;
use std::sync::Arc;

/// What can be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Addition {
    /// A broker that joins the cluster.
    Broker,
    /// A topic of three partitions.
    Topic,
    /// A producer with a steady workload.
    Producer,
    /// A consumer that reads alone, from the start.
    Consumer,
    /// A group: a consumer that is its first member.
    Group,
}

impl Addition {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Broker, Self::Topic, Self::Producer, Self::Consumer, Self::Group];

    /// Its name.
    pub fn label(self) -> &'static str {
        match self {
            Self::Broker => "Broker",
            Self::Topic => "Topic",
            Self::Producer => "Producer",
            Self::Consumer => "Consumer",
            Self::Group => "Group",
        }
    }

    /// Its key.
    pub fn key(self) -> char {
        match self {
            Self::Broker => 'B',
            Self::Topic => 'T',
            Self::Producer => 'P',
            Self::Consumer => 'C',
            Self::Group => 'G',
        }
    }

    fn verb(self) -> &'static str {
        match self {
            Self::Broker => "broker",
            Self::Topic => "kafka-topics.sh --create",
            Self::Producer => "producer",
            Self::Consumer | Self::Group => "consumer",
        }
    }
}

/// Something new, field by field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// What it is.
    pub addition: Addition,
    /// The fields of its form.
    pub fields: Vec<Blank>,
}

/// A field of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blank {
    /// What it is called.
    pub label: &'static str,
    /// What stands before its value in the line: a flag, and a config's name; the name of what is new has nothing.
    pub before: &'static str,
    /// Its value; what is empty is left out.
    pub value: String,
    /// What it may be, where that is known.
    pub choices: Vec<String>,
    /// Whether each word of it is a value of its own.
    pub many: bool,
}

impl Draft {
    /// What is new, with a name that is free, as somebody would have it who does not say more. Clients work with `topic`,
    /// or the first topic there is; none when there is none.
    pub fn new(addition: Addition, scene: &Scene, topic: Option<&str>) -> Option<Self> {
        let own = |name: &&str| !name.starts_with("__");
        let first = || scene.topics.keys().map(|name| &**name).find(own);
        let topic = || Some(Blank::topic(scene, topic.filter(own).or_else(first)?));
        let client = |stem: &str| free(stem, |name| is_client(scene, name));
        let fields = match addition {
            Addition::Broker => vec![
                Blank::new("node.id", "", &free_broker(scene).to_string()),
                Blank::new("broker.rack", "--rack", rack(scene).as_deref().unwrap_or_default()),
                Blank::new("port", "--port", ""),
                Blank::configs("--set"),
            ],
            Addition::Topic => vec![
                Blank::new("name", "--topic", &free("topic-", |name| scene.topics.contains_key(name))),
                Blank::new("partitions", "--partitions", "3"),
                Blank::new("replication factor", "--replication-factor", &scene.brokers.len().clamp(1, 3).to_string()),
                Blank::configs("--config"),
            ],
            Addition::Producer => vec![
                Blank::new("name", "", &client("p")),
                topic()?,
                Blank::new("rate", "--rate", "5/s"),
                Blank::new("keys", "--keys", "uniform:7"),
                Blank::choice("acks", "--producer-property acks=", "all", &["all", "1", "0"]),
                Blank::configs("--producer-property"),
            ],
            Addition::Consumer => Blank::consumer("name", &client("c"), topic()?, ""),
            Addition::Group => {
                let group = free("group-", |name| is_group(scene, name));
                Blank::consumer("first member", &client("c"), topic()?, &group)
            }
        };
        Some(Self { addition, fields })
    }

    /// The line that adds it.
    pub fn line(&self) -> String {
        let mut line = self.addition.verb().to_owned();
        for field in &self.fields {
            let words = if field.many { field.value.split_whitespace().collect() } else { vec![field.value.trim()] };
            for word in words.into_iter().filter(|word| !word.is_empty()) {
                let gap = if field.before.is_empty() || field.before.ends_with('=') { "" } else { " " };
                line = format!("{line} {}{gap}{}", field.before, quoted(word));
            }
        }
        line
    }
}

impl Blank {
    fn new(label: &'static str, before: &'static str, value: &str) -> Self {
        Self { label, before, value: value.to_owned(), choices: Vec::new(), many: false }
    }

    fn choice(label: &'static str, before: &'static str, value: &str, choices: &[&str]) -> Self {
        let choices = choices.iter().map(|&choice| choice.to_owned()).collect();
        Self { choices, ..Self::new(label, before, value) }
    }

    fn configs(before: &'static str) -> Self {
        Self { many: true, ..Self::new("configs, as name=value", before, "") }
    }

    /// The topic that a client works with: one that somebody made.
    fn topic(scene: &Scene, value: &str) -> Self {
        let own: Vec<&str> = scene.topics.keys().map(|name| &**name).filter(|name| !name.starts_with("__")).collect();
        Self::choice("topic", "--topic", value, &own)
    }

    fn consumer(label: &'static str, name: &str, topic: Self, group: &str) -> Vec<Self> {
        vec![
            Self::new(label, "", name),
            topic,
            Self::new("group.id", "--group", group),
            Self::new("work on each record", "--work", ""),
            Self::choice("auto.offset.reset", "--consumer-property auto.offset.reset=", "earliest", &RESETS),
            Self::configs("--consumer-property"),
        ]
    }
}

const RESETS: [&str; 3] = ["earliest", "latest", "none"];

/// The line that adds something with one press. Clients work with `topic`, or the first topic there is; none when there
/// is none.
pub fn line(addition: Addition, scene: &Scene, topic: Option<&str>) -> Option<String> {
    Draft::new(addition, scene, topic).map(|draft| draft.line())
}

/// The line that adds a member to a group; none when there is no topic.
pub fn member_line(scene: &Scene, group: &str, topic: Option<&str>) -> Option<String> {
    let mut draft = Draft::new(Addition::Group, scene, topic)?;
    let field = draft.fields.iter_mut().find(|field| field.before == "--group")?;
    field.value = group.to_owned();
    Some(draft.line())
}

fn free(stem: &str, taken: impl Fn(&str) -> bool) -> String {
    (1..).map(|n| format!("{stem}{n}")).find(|name| !taken(name)).expect("numbers do not end")
}

fn is_client(scene: &Scene, name: &str) -> bool {
    scene.producers.contains_key(name)
        || scene.consumers.contains_key(name)
        || scene.hosts.values().any(|host| &*host.name == name)
}

fn is_group(scene: &Scene, name: &str) -> bool {
    scene.groups.contains_key(name) || scene.consumers.values().any(|consumer| consumer.group.as_deref() == Some(name))
}

/// An id that no node has had.
fn free_broker(scene: &Scene) -> i32 {
    let had = |id: i32| {
        scene.hosts.values().any(|host| matches!(host.role, Role::Broker(of) | Role::Controller(of) if of == id))
    };
    let after_all = scene.brokers.keys().next_back().map_or(1, |last| last.saturating_add(1));
    (after_all..).find(|id| !had(*id)).expect("numbers do not end")
}

/// The rack with the fewest brokers, if there are racks.
fn rack(scene: &Scene) -> Option<Arc<str>> {
    let mut racks: SortedMap<Arc<str>, usize> = SortedMap::new();
    for rack in scene.brokers.values().filter_map(|broker| broker.rack.clone()) {
        *racks.entry(rack).or_default() += 1;
    }
    racks.into_iter().min_by_key(|(_, brokers)| *brokers).map(|(rack, _)| rack)
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;
    use crate::script::Line;

    #[test]
    fn names_are_free_and_clients_need_a_topic() {
        let scene = fixture::scene(&[("orders", 1), ("topic-1", 1)], &["p1"], &["c1"]);
        let text = |addition| line(addition, &scene, Some("orders")).expect("there is a topic");
        assert!(text(Addition::Topic).contains("--topic topic-2 "));
        assert!(text(Addition::Producer).starts_with("producer p2 --topic orders "));
        assert!(text(Addition::Consumer).starts_with("consumer c2 --topic orders "));
        assert!(text(Addition::Group).contains("--group group-1 "));
        let broker = text(Addition::Broker);
        let id: i32 = broker.split(' ').nth(1).and_then(|id| id.parse().ok()).expect("an id");
        assert!(!scene.brokers.contains_key(&id), "{broker}");
        assert_eq!(line(Addition::Producer, &Scene::default(), None), None);
        for addition in Addition::ALL {
            Line::parse(&text(addition)).expect("a line of the language");
        }
        Line::parse(&member_line(&scene, "g 1", None).expect("there is a topic")).expect("a line of the language");
    }

    #[test]
    fn a_form_becomes_a_line() {
        let scene = fixture::scene(&[("orders", 1)], &["p1"], &["c1"]);
        let mut draft = Draft::new(Addition::Producer, &scene, None).expect("there is a topic");
        draft.fields[2].value = String::new();
        draft.fields[3].value = String::new();
        draft.fields[5].value = " linger.ms=50  batch.size=9 ".into();
        let expected = "producer p2 --topic orders --producer-property acks=all --producer-property linger.ms=50 \
                        --producer-property batch.size=9";
        assert_eq!(draft.line(), expected);
        draft.fields[5].value = "acks".into();
        assert!(Line::parse(&draft.line()).is_err(), "a form can be filled in wrongly, and the reader says so");
    }
}
