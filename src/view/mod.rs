//! View models: what the page shows, as plain values without a document.
//!
//! The worker looks at a world with an [`Observer`] and makes [`Frame`]s; the page's [`Player`] shows them at their
//! moments; [`layout()`] says where things stand. Every number in a [`Scene`] is read from a machine's state and every
//! [`PacketView`] is one message of the trace: the picture cannot lie.

mod browse;
mod cargo;
mod catalogue;
mod chronicle;
mod client_configs;
mod delta;
mod dissect;
mod faults;
#[cfg(any(test, feature = "gallery"))]
pub mod fixture;
mod gauges;
mod groups;
mod inspect;
mod judging;
mod lags;
mod layout;
mod members;
mod narrate;
mod observe;
mod packet;
mod player;
mod rebalances;
mod records;
mod ribbon;
mod route;
mod scene;
mod select;
mod settings;
mod stored;
mod suggest;
mod tempo;
mod timeline;
mod token;
mod watch;
mod why;
mod words;

pub use browse::{Format, From, Query, Records, Stored, quoted, send_line, shown};
pub use catalogue::{Catalogue, KnownConfig, Verdict};
pub use chronicle::{Chapter, Chronicle, Deal, Mark, MarkKind, Reign, Turn};
pub use delta::{Delta, MapDelta};
pub use dissect::{Dissection, Row};
pub use faults::{Offer, Tool, node_words, offers, tool_offer};
pub use gauges::{Gauge, Gauges};
pub use inspect::{Sheet, Table, sheet};
pub use judging::Judging;
pub use lags::{Drain, LagSample, Lags};
pub use layout::{
    Band, ClientBox, Column, Density, Field, GroupBox, INFO, Item, Layout, Level, QuorumBox, Rect, Room, Shelf,
    Station, TAB, Way, layout,
};
pub use narrate::{Before, Line, Weight, narrate};
pub use observe::{Annals, Observer, position};
pub use packet::{Cargo, PacketView, RIDERS, records_text};
pub use player::{Frame, HOP_MS, Player, Position, Speed};
pub use rebalances::{Note, Rebalances, Round};
pub use ribbon::{Piece, Ribbon};
pub use route::{Place, Route};
pub use scene::{
    BrokerPhase, BrokerView, Cell, ConsumerView, ControllerView, CutView, Election, GroupState, GroupView, Health,
    Holding, HostView, LawView, LinkView, MemberInfo, PartitionView, Process, ProducerView, QuorumRecord, QuorumView,
    RaftRole, ReplicaKey, ReplicaView, Role, Scene, SetConfig, Standing, TAIL, TopicView, acks_label,
};
pub use select::{Selection, Toward, group_word, process_word, rows};
pub use settings::{Owner, Settings};
pub use stored::RecordView;
pub use suggest::{Addition, Blank, Draft, line as addition_line, member_line};
pub use timeline::{Knot, Lane, MemberLane, Span, Spell, Timeline, timeline};
pub use token::{Shape, Token, key_label};
pub use watch::{Answer, Goal, Question, Replay, Replayed, Sought, Undoable, Watch};
pub use why::{Link, Why};
pub use words::{Tone, partition_words, replica_sentence, replica_word, replica_words};
