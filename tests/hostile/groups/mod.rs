//! The cases, by the groups of the catalogue.

mod abi;
mod binary;
mod blocking;
mod bombs;
mod components;
mod connections;
mod cpu;
mod files;
mod floods;
mod handles;
mod hosts;
mod leaks;
mod memory;
mod operator;
mod plan_numbers;
mod plan_runs;
mod plan_schemas;
mod plan_text;
mod planners;
mod plans;
mod policies;
mod policy_globs;
mod policy_text;
mod requests;
mod responses;
mod servers;

use crate::case::Case;

/// Every case, in the catalogue's order of groups.
pub(crate) const ALL: &[&[Case]] = &[
    cpu::CASES,
    memory::CASES,
    handles::CASES,
    floods::CASES,
    abi::CASES,
    blocking::CASES,
    connections::CASES,
    files::CASES,
    hosts::CASES,
    requests::CASES,
    responses::CASES,
    servers::CASES,
    leaks::CASES,
    components::CASES,
    bombs::CASES,
    plan_text::CASES,
    plan_numbers::CASES,
    plan_schemas::CASES,
    plans::CASES,
    plan_runs::CASES,
    planners::CASES,
    policy_text::CASES,
    policy_globs::CASES,
    policies::CASES,
    operator::CASES,
];
