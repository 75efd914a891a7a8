//! Makes empty files, until nobody lets it any more.

fn main() {
    for number in 0.. {
        let _refused = std::fs::File::create(format!("/out/{number}"));
    }
}
