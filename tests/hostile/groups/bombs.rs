//! Group I: components that are small, or look as if they were, and take long or much to read and compile.

use std::iter;
use std::time::{Duration, Instant};

use super::binary::{beside, component_of, exporting, importing, nested, number, section};
use crate::arena::Arena;
use crate::case::cases;
use crate::oracle::{Contained, Ending};
use crate::watch::is_busy;

cases! {
    case_145_functions_that_take_long_to_compile
    case_145_functions_that_are_many_or_large
    case_146_types_and_names_without_end
    case_147_components_by_the_thousand
}

/// A component that is refused, for what it is or for what it would take; or one that is compiled, and does nothing.
const ENDINGS: &[Ending] =
    &[Ending::NotLoaded("component.invalid"), Ending::NotLoaded("component.limit"), Ending::Completed];

/// Longer than the processor time that compiling one of these may take, on a machine that runs other tests.
const TIME_MAX: Duration = Duration::from_secs(60);

/// Runs a component that has never been compiled, and another tenant's plan while it is.
fn bomb(arena: &mut Arena, what: &str, component: &[u8], endings: &[Ending]) -> Contained {
    arena.place.own_home();
    arena.component(component);
    let neighbour = arena.neighbour.clone();
    let mut met = false;
    let started = Instant::now();
    let contained = arena.attack_while(endings, &mut |_, workers| {
        if !met && workers.iter().any(|worker| is_busy(*worker)) {
            met = true;
            neighbour.run().expect("another tenant's plan runs meanwhile");
        }
    });
    let took = started.elapsed();
    assert!(took < TIME_MAX, "{what}: it took {took:?}");
    contained
}

const LOOP: &[u8] = &[0x03, 0x40];
const BLOCK: &[u8] = &[0x02, 0x40];
const END: &[u8] = &[0x0b];

fn case_145_functions_that_take_long_to_compile(arena: &mut Arena) -> Contained {
    let locals = |count: usize| [&[1], number(count).as_slice(), &[0x7e]].concat();
    // Each local is another value in each loop.
    let each = |count: usize| -> Vec<u8> {
        (0..count)
            .flat_map(|local| [&[0x20], number(local).as_slice(), &[0x42, 1, 0x7c, 0x21], &number(local)].concat())
            .collect()
    };
    let in_loops = |loops: usize, inner: &[u8]| {
        [LOOP.repeat(loops), inner.to_vec(), [&[0x41, 0, 0x0d, 0], END].concat().repeat(loops)].concat()
    };
    let _contained =
        bomb(arena, "locals in loops", &component_of(&locals(10_000), &in_loops(1_000, &each(10_000)), 1), ENDINGS);
    // Values that all live until the last is there: (i64.load …) a hundred thousand times, and then their sum.
    let live = 100_000;
    let body = [[0x41, 0, 0x29, 3, 0].repeat(live), [0x7c].repeat(live - 1), vec![0x1a]].concat();
    let _contained = bomb(arena, "live values", &component_of(&[0], &body, 1), ENDINGS);
    let across = [[0x41, 0, 0x29, 3, 0, 0x10, 0].repeat(live), [0x7c].repeat(live - 1), vec![0x1a]].concat();
    let _contained = bomb(arena, "live values across calls", &component_of(&[0], &across, 1), ENDINGS);
    // A table of branches to a million places, and a hundred of them.
    let table = |len: usize| [&[0x41, 0, 0x0e], number(len).as_slice(), &vec![0; len + 1]].concat();
    let _contained = bomb(arena, "a table", &component_of(&[0], &[BLOCK, &table(1_000_000), END].concat(), 1), ENDINGS);
    let depth = 10_000;
    let places: Vec<u8> = (0..depth).flat_map(number).collect();
    let one = [&[0x41, 0, 0x0e], number(depth - 1).as_slice(), &places].concat();
    let nest = [BLOCK.repeat(depth), one.clone(), [END, &one].concat().repeat(50), END.repeat(depth - 50)].concat();
    let _contained = bomb(arena, "tables in blocks", &component_of(&[0], &nest, 1), ENDINGS);
    bomb(arena, "nesting", &component_of(&[0], &[BLOCK.repeat(1_000_000), END.repeat(1_000_000)].concat(), 1), ENDINGS)
}

fn case_145_functions_that_are_many_or_large(arena: &mut Arena) -> Contained {
    let invalid = &[Ending::NotLoaded("component.invalid")];
    let million = [&[1], number(1_000_000).as_slice(), &[0x7e]].concat();
    let _contained = bomb(arena, "a million locals", &component_of(&million, &[], 1), invalid);
    let most = [&[1], number(50_000).as_slice(), &[0x7b]].concat();
    let _contained = bomb(arena, "as many locals as there may be", &component_of(&most, &[], 10_000), ENDINGS);
    let _contained = bomb(arena, "fifty megabytes", &component_of(&[0], &vec![1; 50 << 20], 1), invalid);
    let arithmetic = [0x41, 0, 0x41, 0, 0x28, 2, 0, 0x36, 2, 0].repeat(760_000);
    let _contained = bomb(arena, "seven megabytes", &component_of(&[0], &arithmetic, 1), ENDINGS);
    bomb(arena, "functions", &component_of(&[0], &[0x41, 0, 0x1a], 200_000), ENDINGS)
}

fn case_146_types_and_names_without_end(arena: &mut Arena) -> Contained {
    let text = |parts: String| wat::parse_str(format!("(component {parts})")).expect("the text is a component");
    let repeated = |count: usize, part: fn(usize) -> String| (0..count).map(part).collect::<String>();
    let refused = &[Ending::NotLoaded("component.invalid"), Ending::NotLoaded("component.limit")];
    let doubled =
        format!("(type $t0 (tuple u8 u8)) {}", repeated(60, |n| format!("(type $t{} (tuple $t{n} $t{n}))", n + 1)));
    let _contained = bomb(arena, "doubled", &text(doubled), refused);
    let types = repeated(100_000, |_| "(type (list u8))".to_owned());
    let _contained = bomb(arena, "types", &text(types), &[Ending::NotLoaded("component.function"), refused[1]]);
    let imports = importing((0..100_000).map(|n| format!("i{n}")));
    let _contained = bomb(arena, "imports", &imports, refused);
    let long = importing((0..800).map(|n| format!("{}{n}", "i".repeat(90_000))));
    let _contained = bomb(arena, "imports with long names", &long, refused);
    let exports = exporting((0..100_000).map(|n| format!("e{n}")));
    let _contained = bomb(arena, "exports", &exports, refused);
    // What nobody reads: a hundred thousand sections, one that is all of a component, and names for what is not there.
    let harmless = exporting(iter::once("run".to_owned()));
    let sections = [harmless.clone(), section(0, b"\x01x").repeat(100_000)].concat();
    let _contained = bomb(arena, "sections", &sections, ENDINGS);
    let name = section(0, &[b"\x0ecomponent-name".as_slice(), &section(0, &vec![b'x'; 90 << 20])].concat());
    let _contained = bomb(arena, "a name section", &[harmless, name].concat(), ENDINGS);
    let endless = arena.place.write("endless.wasm", "");
    std::fs::File::options().write(true).open(endless).and_then(|file| file.set_len(1 << 30)).expect("it can be made");
    arena.instead("path = \"attack.wasm\"", "path = \"endless.wasm\"").attack(Ending::NotLoaded("component.size"))
}

fn case_147_components_by_the_thousand(arena: &mut Arena) -> Contained {
    let refused = &[Ending::NotLoaded("component.invalid"), Ending::NotLoaded("component.limit")];
    let _contained = bomb(arena, "beside each other", &beside(10_000), refused);
    let _contained = bomb(arena, "in each other", &nested(10_000), refused);
    bomb(arena, "deep in each other", &nested(50_000), refused)
}
