//! Drops things and what was made of them in some order: what they are, and the order, is in `/in/attack`.

use std::any::Any;

use claw_hostile_guests::granted;
use wasip2::filesystem::types::{DescriptorFlags, OpenFlags, PathFlags};

fn main() {
    let attack = std::fs::read_to_string("/in/attack").expect("it is there");
    let (things, order) = attack.split_once(' ').expect("things and an order");
    let out = granted("/out");
    let (flags, open) = (DescriptorFlags::READ | DescriptorFlags::WRITE, OpenFlags::CREATE);
    let file = || out.open_at(PathFlags::empty(), "file", open, flags).expect("it can be made");
    let mut held: Vec<Option<Box<dyn Any>>> = match things {
        "input" => {
            let file = file();
            let stream = file.read_via_stream(0).expect("it can be read");
            let pollable = stream.subscribe();
            vec![Some(Box::new(file)), Some(Box::new(stream)), Some(Box::new(pollable))]
        }
        "output" => {
            let file = file();
            let stream = file.write_via_stream(0).expect("it can be written");
            let pollable = stream.subscribe();
            vec![Some(Box::new(file)), Some(Box::new(stream)), Some(Box::new(pollable))]
        }
        "listing" => {
            let listing = out.read_directory().expect("it can be listed");
            vec![Some(Box::new(out)), Some(Box::new(listing))]
        }
        other => panic!("there is no `{other}`"),
    };
    for index in order.bytes() {
        drop(held[usize::from(index - b'0')].take().expect("each once"));
    }
}
