//! Posthaste: a self-hosted transactional email API server.
//!
//! Read the modules in this order: [`domain`] is what we talk about, [`store`] how it is kept, [`service`] what the
//! system does, [`http`] how programs ask for it, [`mail`] how a mail gets onto the wire, [`webhook`] and [`outbound`] how
//! its owner is told, [`worker`] who does that and when. [`app`] wires them together. ARCHITECTURE.md is the map.

pub mod app;
pub mod cli;
pub mod config;
pub mod dashboard;
pub mod dns;
pub mod domain;
pub mod error;
pub mod http;
pub mod inbound;
pub mod mail;
pub mod outbound;
pub mod postgres;
pub mod secret_key;
pub mod service;
pub mod store;
pub mod telemetry;
pub mod webhook;
pub mod worker;
