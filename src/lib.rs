//! Kafka Terrarium: a living Apache Kafka cluster under glass.
